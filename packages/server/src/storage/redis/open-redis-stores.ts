/**
 * Opens the engine on a Redis or Valkey Cluster: any number of processes on any number of machines.
 */

import type { ProfileLimits } from '../../domain/profile-limits.ts';
import type { FeedRetention } from '../change-feed.ts';
import { Chores } from '../chores.ts';
import { type Stores, storesOver } from '../stores.ts';
import { Cells } from './cells.ts';
import { ChangeOutbox } from './change-outbox.ts';
import { type ClusterExpectations, checkCluster } from './cluster-check.ts';
import { clusterFigures, readiness } from './cluster-figures.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { RedisBatchFiles } from './redis-batch-files.ts';
import { RedisBatchStore } from './redis-batch-store.ts';
import { RedisChangeFeed } from './redis-change-feed.ts';
import { RedisCluster, type RedisClusterOptions } from './redis-cluster.ts';
import { RedisMergeTrail } from './redis-merge-trail.ts';
import { RedisProfileLists } from './redis-profile-lists.ts';
import { RedisProfileStore } from './redis-profile-store.ts';
import { RedisRecordStore } from './redis-record-store.ts';
import { RedisRowWriter } from './redis-row-writer.ts';
import { RedisSpentCallStore } from './redis-spent-call-store.ts';

export interface RedisStoresOptions extends RedisClusterOptions, ClusterExpectations {
  /**
   * Called with the problems of nodes while the stores are open, whenever they have changed; by
   * default not at all.
   */
  readonly found?: (flaws: readonly string[]) => void;
  /** Limits of one profile. */
  readonly limits?: ProfileLimits | undefined;
  /** How long changes are kept, or `off` for no feed. If missing, the store stays as it is. */
  readonly changes?: FeedRetention | 'off' | undefined;
  /** How long merges can be undone, in milliseconds; `off` or missing records none. */
  readonly merges?: number | 'off' | undefined;
}

/**
 * Opens the stores.
 *
 * @throws UnsafeStoreError when the cluster could lose data, unless that is allowed
 * @throws Error when no node answers, or the signing key differs from that of the processes that
 *   share the store
 */
export async function openRedisStores(options: RedisStoresOptions): Promise<Stores> {
  const { prefix, merges } = options;
  const cluster = await RedisCluster.open(options);
  try {
    await checkCluster(cluster, options);
  } catch (error) {
    await cluster.close();
    throw error;
  }
  const watch = new ClusterWatch({ cluster, prefix, found: options.found ?? (() => {}) });
  watch.start();
  const outbox = new ChangeOutbox(cluster, prefix);
  const changes = new RedisChangeFeed(cluster, prefix, outbox);
  await changes.keep(options.changes);
  const cells = new Cells(cluster, prefix, outbox);
  const trail = new RedisMergeTrail(cluster, cells, prefix, merges === 'off' ? undefined : merges);
  const profiles = new RedisProfileStore(cells, trail, options.limits);
  return storesOver({
    profiles,
    changes,
    merges: trail,
    lists: new RedisProfileLists(cluster, cells, prefix),
    batches: new RedisBatchStore(cluster, new RedisRowWriter(cells, profiles), prefix),
    batchFiles: new RedisBatchFiles(cluster, prefix),
    spentCalls: new RedisSpentCallStore(cluster, prefix),
    records: new RedisRecordStore(cluster, prefix),
    // Every read asks the cluster, so there is no snapshot to share.
    requestArrives: () => undefined,
    // Redis itself frees expired profiles.
    chores: new Chores({ keepFeed: (now) => changes.upkeep(now) }),
    figures: clusterFigures(cluster, prefix),
    check: readiness(cluster, prefix, () => (options.allowUnsafe ? [] : watch.flaws)),
    async close() {
      await watch.stop();
      await outbox.flush();
      await cluster.close();
    },
  });
}
