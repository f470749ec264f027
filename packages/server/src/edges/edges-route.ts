/** The edge clusters, as administrators see them. */

import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';

export const EdgesReply = z
  .object({
    edges: z.array(
      z.object({
        cluster: z.int(),
        /** Null for the cluster that answers. */
        url: z.string().nullable(),
        reachable: z.boolean(),
        /** Milliseconds; null when it did not answer. */
        roundTripMs: z.number().nullable(),
        profiles: z.int().nullable(),
        version: z.string().nullable(),
        /** Why it could not be reached. */
        problem: z.string().nullable(),
      }),
    ),
  })
  .openapi('EdgesReply', {
    example: {
      edges: [
        {
          cluster: 28,
          url: null,
          reachable: true,
          roundTripMs: 0,
          profiles: 4711,
          version: '0.1.0',
          problem: null,
        },
        {
          cluster: 17,
          url: 'https://eu.example.com',
          reachable: false,
          roundTripMs: null,
          profiles: null,
          version: null,
          problem: 'fetch failed: connect ECONNREFUSED',
        },
      ],
    },
  });

export interface EdgesRouteParts {
  readonly cluster: number;
  readonly peers: readonly EdgePeer[];
  readonly figures: () => Promise<{ readonly profiles: number }>;
  readonly version: string;
}

/** The route exists with and without peers; without peers it lists only this cluster. */
export function edgesRoute({ cluster, peers, figures, version }: EdgesRouteParts): Route {
  return {
    ...ADMIN_ROUTE,
    method: 'GET',
    path: '/{client}/target/edges',
    describe: {
      tags: ['Running it'],
      summary: 'The edge clusters: whether they answer, how fast, and how many profiles they have',
      security: [{ bearer: [] }],
      request: { params: ClientParam },
      responses: {
        200: {
          description: 'The clusters, this one first',
          content: { 'application/json': { schema: EdgesReply } },
        },
        401: AdminRefusal('Not the admin'),
      },
    },
    async handle() {
      const { profiles } = await figures();
      const own = { cluster, url: null, reachable: true, roundTripMs: 0, profiles, version, problem: null };
      return jsonReply({ edges: [own, ...(await Promise.all(peers.map(stateOf)))] });
    },
  };
}

async function stateOf(peer: EdgePeer) {
  const { cluster, url } = peer;
  const began = performance.now();
  try {
    const { profiles, version } = await peer.ask('state', {});
    const roundTripMs = Math.round(10 * (performance.now() - began)) / 10;
    return { cluster, url, reachable: true, roundTripMs, profiles, version, problem: null };
  } catch (error) {
    if (!(error instanceof PeerSilent)) throw error;
    const problem = error.message;
    return { cluster, url, reachable: false, roundTripMs: null, profiles: null, version: null, problem };
  }
}
