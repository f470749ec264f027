import type { Registry } from 'prom-client';
import type { Log } from '../log.ts';
import type { SpentCallStore } from '../storage/spent-call-store.ts';
import type { Call } from '../wire/call.ts';
import { edgeGuard } from './edge-guard.ts';
import { EdgePeer, edgeMetrics } from './edge-peer.ts';
import { EdgeSeal } from './edge-seal.ts';

export interface EdgeLinksParts {
  /** The number of this cluster. */
  readonly cluster: number;
  readonly peers: readonly { readonly cluster: number; readonly url: string }[];
  /** How long a lookup in another cluster may take, in milliseconds. */
  readonly edgeTimeout: number;
  /** The 32-byte secret that all clusters share. */
  readonly key: Uint8Array;
  readonly registry: Registry;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Where accepted calls are recorded, for all processes of this cluster. */
  readonly spent: SpentCallStore;
}

/**
 * The connection of this cluster to the others: the shared seal, the guard that opens it, and one
 * peer per cluster.
 */
export interface EdgeLinks {
  readonly seal: EdgeSeal;
  readonly guard: (call: Call) => Promise<void>;
  readonly peers: readonly EdgePeer[];
}

export function edgeLinks({ peers, edgeTimeout, registry, log, spent, ...parts }: EdgeLinksParts): EdgeLinks {
  const seal = new EdgeSeal({ ...parts, peers: peers.map(({ cluster }) => cluster) });
  const metrics = edgeMetrics(registry);
  return {
    seal,
    guard: edgeGuard(seal, spent),
    peers: peers.map((peer) => new EdgePeer({ ...peer, seal, lookupLimit: edgeTimeout, metrics, log })),
  };
}
