/** The size of the data in a cluster, and whether the cluster would accept a write. */

import { QuiverError } from '../../errors.ts';
import type { StoreFigures } from '../stores.ts';
import { hasReplica, infoField } from './cluster-info.ts';
import { countProfiles, probe } from './lua-scripts.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

const KEYS_AT_ONCE = 1000;
/** Counting takes a while, so the result is kept for so many times the time it took. */
const KEPT_TIMES = 20;

/** Counts profiles by scanning all keys. The longer that takes, the longer the result is reused. */
export function clusterFigures(cluster: RedisCluster, prefix: string): () => Promise<StoreFigures> {
  let counting: Promise<StoreFigures> | undefined;
  let freshUntil = 0;
  return () => {
    if (counting && performance.now() < freshUntil) return counting;
    const began = performance.now();
    freshUntil = Number.POSITIVE_INFINITY;
    counting = count(cluster, prefix);
    counting
      .then(() => {
        const took = performance.now() - began;
        // A fast count is repeated each time.
        freshUntil = took < 100 ? 0 : performance.now() + KEPT_TIMES * took;
      })
      .catch(() => {
        freshUntil = 0;
      });
    return counting;
  };
}

async function count(cluster: RedisCluster, prefix: string): Promise<StoreFigures> {
  const infos = await cluster.infos();
  const counts = await Promise.all(infos.map(({ address }) => countAt(cluster, address, prefix)));
  return {
    profiles: counts.reduce((sum, one) => sum + one, 0),
    bytes: infos.reduce((sum, { info }) => sum + Number(infoField(info, 'used_memory')), 0),
  };
}

async function countAt(cluster: RedisCluster, address: string, prefix: string): Promise<number> {
  const pattern = `${prefix.replaceAll(/[*?[\]\\^]/g, '\\$&')}:{*`;
  let profiles = 0;
  for (let cursor = '0'; ; ) {
    const page = await cluster.askNode<[Buffer, Buffer, number]>(
      address,
      'EVAL',
      countProfiles.text,
      0,
      cursor,
      pattern,
      KEYS_AT_ONCE,
    );
    profiles += Number(page[2]);
    cursor = String(page[1]);
    if (cursor === '0') return profiles;
  }
}

/**
 * Whether no node has a known problem; every master answers, has room, and a replica that a write
 * can wait for; and a write succeeds.
 */
export function readiness(
  cluster: RedisCluster,
  prefix: string,
  flaws: () => readonly string[],
): () => Promise<void> {
  return async () => {
    const amiss = flaws();
    if (amiss.length > 0) {
      throw new QuiverError('unavailable', `The store would lose what it acknowledges: ${amiss.join('; ')}`);
    }
    for (const { address, info } of await cluster.infos()) {
      const most = Number(infoField(info, 'maxmemory') ?? 0);
      if (most > 0 && Number(infoField(info, 'used_memory')) >= most) {
        throw new QuiverError('insufficient-storage', `The store has no room at ${address}`);
      }
      if (cluster.replicas > 0 && !hasReplica(info)) {
        throw new QuiverError('unavailable', `The store has no replica of ${address}`);
      }
    }
    const keys = [`${prefix}:probe:{probe}`];
    await cluster.write({ script: probe, keys, args: [Date.now()] }, latest());
  };
}
