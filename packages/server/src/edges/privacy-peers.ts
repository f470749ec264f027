/**
 * What privacy requests need from the other edge clusters, including what those missed while they
 * were away (contract section 22).
 */

import { Rounds } from '../background.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import type { Log } from '../log.ts';
import type { EdgeAsk } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';

type Decisions = EdgeAsk<'suppress'>['decisions'];

export function privacyPeers(peers: readonly EdgePeer[]) {
  return peers.map((peer) => ({
    cluster: peer.cluster,
    async suppress(client: string, decisions: readonly Decisions[number][]): Promise<void> {
      await peer.ask('suppress', { client, decisions: [...decisions] });
    },
    async forget(client: string, ids: readonly VisitorId[]): Promise<string[]> {
      return (await peer.ask('forget', { client, ids: [...ids] })).waitingFor;
    },
  }));
}

export interface SuppressionExchangeParts {
  readonly peers: readonly EdgePeer[];
  readonly clients: readonly string[];
  readonly suppressions: {
    digests(client: string): Promise<Record<string, string>>;
    takeIn(client: string, decisions: Decisions): Promise<void>;
  };
  readonly log: Log;
}

/**
 * How often suppressed ids are fetched from the others, for a cluster that was away or is new; in
 * milliseconds.
 */
const EVERY_MS = 30_000;

/**
 * Repeatedly asks the other clusters for suppressed ids that are not known here; not started yet.
 */
export function suppressionExchange({ peers, clients, suppressions, log }: SuppressionExchangeParts): Rounds {
  return new Rounds({
    every: EVERY_MS,
    atOnce: true,
    log,
    failure: 'suppressed ids could not be exchanged with the other edge clusters',
    round: async (isStopped) => {
      for (const client of clients) {
        for (const peer of peers) {
          if (isStopped()) return;
          try {
            const digests = await suppressions.digests(client);
            const { decisions } = await peer.ask('suppress', { client, decisions: [], digests });
            await suppressions.takeIn(client, decisions);
          } catch (error) {
            // The circuit breaker logs this once; the next round retries.
            if (!(error instanceof PeerSilent)) throw error;
          }
        }
      }
    },
  });
}
