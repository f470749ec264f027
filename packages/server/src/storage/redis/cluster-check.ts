/** Checks a cluster before anything is written to it: whether it keeps what it acknowledges. */

import { setTimeout as pause } from 'node:timers/promises';
import { StoreFormatError } from '../store-format-error.ts';
import { UnsafeStoreError } from '../unsafe-store-error.ts';
import { hasReplica } from './cluster-info.ts';
import { SLOTS } from './key-slot.ts';
import { keepFirst } from './lua-scripts.ts';
import { checkNode, type NodeFlaw } from './node-check.ts';
import type { RedisCluster } from './redis-cluster.ts';

/**
 * Of the keys and their fields; a version of Quiver that reads them differently writes a higher
 * number.
 */
const FORMAT = 5;

/** How long to wait for a replica that is still connecting, in milliseconds. */
const CONNECTING_MS = 10_000;
const LOOK_AGAIN_MS = 500;
/**
 * These may be a replica that is still connecting. If there are other problems too, all are
 * reported once the others are known.
 */
const PASSING: ReadonlySet<NodeFlaw['kind']> = new Set(['replica', 'stranger', 'unreachable']);

/** Requirements for a cluster, and the keys that are used. */
export interface ClusterExpectations {
  /** The beginning of all keys, so that several stores can share a cluster. */
  readonly prefix: string;
  /**
   * Whether to open a cluster that could lose data; where no replica exists, writes then count
   * without one.
   */
  readonly allowUnsafe?: boolean;
  /** Identifies the signing key; all processes that share a store must have the same one. */
  readonly sharedKeyMark?: string | undefined;
}

/**
 * Checks the cluster, including every master and replica, and writes the format version.
 *
 * A replica that is still connecting is waited for, up to {@link CONNECTING_MS}.
 *
 * @throws UnsafeStoreError names every setting that could lose acknowledged data, by address, and
 *   every missing right
 * @throws StoreFormatError when a Quiver of another format wrote under the prefix
 */
export async function checkCluster(
  cluster: RedisCluster,
  { prefix, allowUnsafe = false, sharedKeyMark }: ClusterExpectations,
): Promise<void> {
  const flaws = await lastingFlaws(cluster, prefix, allowUnsafe ? 0 : CONNECTING_MS);
  const missing = flaws.filter(({ kind }) => kind === 'right');
  if (missing.length > 0) {
    throw new UnsafeStoreError(`the store does not let Quiver do what it must: ${listed(missing)}`);
  }
  if (flaws.length > 0 && !allowUnsafe) {
    throw new UnsafeStoreError(
      `the store would lose what it has acknowledged: ${listed(flaws)} (--allow-unsafe-store yes starts all the same)`,
    );
  }
  if (flaws.some(({ kind }) => kind === 'replica')) cluster.waitForNone();
  const keys = [`${prefix}:format:{format}`];
  const [, kept] = await cluster.write({ script: keepFirst, keys, args: [FORMAT] });
  if (Number(kept) !== FORMAT)
    throw new StoreFormatError(`the cluster, prefix ${prefix},`, Number(kept), FORMAT, FORMAT);
  if (sharedKeyMark === undefined) return;
  const markKeys = [`${prefix}:signing-key:{signing-key}`];
  const [, mark] = await cluster.write({ script: keepFirst, keys: markKeys, args: [sharedKeyMark] });
  if (String(mark) !== sharedKeyMark) {
    throw new Error(
      `QUIVER_SIGNING_KEY: differs from that of the processes that share the store; for a new one remove ${markKeys[0]}`,
    );
  }
}

/**
 * The problems that remain; those that may be a connecting replica are checked again for a while.
 */
async function lastingFlaws(cluster: RedisCluster, prefix: string, patience: number): Promise<NodeFlaw[]> {
  const end = Date.now() + patience;
  for (;;) {
    const flaws = await flawsNow(cluster, prefix);
    const mayPass = flaws.some(({ kind }) => PASSING.has(kind));
    if (!mayPass || Date.now() > end) return flaws;
    await pause(LOOK_AGAIN_MS);
    await cluster.refresh();
  }
}

async function flawsNow(cluster: RedisCluster, prefix: string): Promise<NodeFlaw[]> {
  const covered = cluster.coveredSlots();
  const members = cluster.members();
  const findings = await Promise.all(members.map((member) => checkNode(cluster, member, prefix)));
  return [
    ...(covered < SLOTS
      ? [{ kind: 'unreachable', text: `${SLOTS - covered} of ${SLOTS} slots have no master` } as const]
      : []),
    ...findings.flatMap(({ flaws, info }, place): NodeFlaw[] => {
      const { address, master } = members[place]!;
      if (address !== master || info === undefined) return [...flaws];
      const isFollowed = hasReplica(info);
      const isKnown = members.some((other) => other.master === address && other.address !== address);
      if (isFollowed && isKnown) return [...flaws];
      const flaw: NodeFlaw = isFollowed
        ? {
            kind: 'stranger',
            text: `${address}: the cluster does not know its replica, which cannot take over`,
          }
        : { kind: 'replica', text: `${address}: it has no replica, and every write waits for one` };
      return [...flaws, flaw];
    }),
  ];
}

function listed(flaws: readonly NodeFlaw[]): string {
  return flaws.map(({ text }) => text).join('; ');
}
