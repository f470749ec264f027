/** Looks at a cluster before anything is written to it: whether it keeps what it says it has kept. */

import { StoreFormatError } from '../store-format-error.ts';
import { UnsafeStoreError } from '../unsafe-store-error.ts';
import { keepFirst } from './client-scripts.lua.ts';
import { hasReplica, infoField } from './cluster-info.ts';
import { SLOTS } from './key-slot.ts';
import type { RedisCluster } from './redis-cluster.ts';

/** Of the keys and their fields; a Quiver that reads them differently writes a higher one. */
const FORMAT = 3;
/** Written before there were customer ids: the same fields, so opening a store only raises the number. */
const OLDEST_FORMAT = 2;

/** What a cluster must be like, and what is kept under which keys. */
export interface ClusterExpectations {
  /** What all keys begin with, so that several stores can share a cluster. */
  readonly prefix: string;
  /** Whether to open on a cluster that would lose data; writes then count without a replica where there is none. */
  readonly allowUnsafe?: boolean;
  /** Tells the signing key of this process from another; all that share a store must have the same. */
  readonly sharedKeyMark?: string | undefined;
}

/**
 * Checks the cluster, and notes the format of what will be kept there.
 *
 * @throws UnsafeStoreError names the first setting under which acknowledged data would be lost
 * @throws StoreFormatError when a Quiver of another format wrote under the prefix
 */
export async function checkCluster(
  cluster: RedisCluster,
  { prefix, allowUnsafe = false, sharedKeyMark }: ClusterExpectations,
): Promise<void> {
  const covered = cluster.coveredSlots();
  if (covered < SLOTS && !allowUnsafe) refuse(`${SLOTS - covered} of ${SLOTS} slots have no master`);
  for (const { address, info } of await cluster.infos()) {
    const flaw = flawOf(info);
    if (flaw && !allowUnsafe) refuse(`${address}: ${flaw}`);
    if (!hasReplica(info)) cluster.waitForNone();
  }
  const keys = [`${prefix}:format:{format}`];
  const args = [FORMAT, OLDEST_FORMAT];
  const [, kept] = await cluster.write({ script: keepFirst, keys, args });
  if (Number(kept) !== FORMAT)
    throw new StoreFormatError(`the cluster, prefix ${prefix},`, Number(kept), FORMAT, OLDEST_FORMAT);
  if (sharedKeyMark === undefined) return;
  const markKeys = [`${prefix}:signing-key:{signing-key}`];
  const [, mark] = await cluster.write({ script: keepFirst, keys: markKeys, args: [sharedKeyMark] });
  if (String(mark) !== sharedKeyMark) {
    throw new Error(
      `QUIVER_SIGNING_KEY: differs from that of the processes that share the store; for a new one remove ${markKeys[0]}`,
    );
  }
}

function refuse(flaw: string): never {
  throw new UnsafeStoreError(
    `the store would lose what it has acknowledged: ${flaw} (--allow-unsafe-store yes starts all the same)`,
  );
}

function flawOf(info: string): string | undefined {
  if (infoField(info, 'aof_enabled') !== '1')
    return 'appendonly must be yes, or a restart loses what was acknowledged';
  const policy = infoField(info, 'maxmemory_policy');
  if (policy !== 'noeviction')
    return `maxmemory-policy must be noeviction, not ${policy}, which drops profiles`;
  if (!hasReplica(info)) return 'it has no replica, and every write waits for one';
  return undefined;
}
