/**
 * Checks one node of a cluster: whether it keeps what it acknowledges, also after it becomes a
 * master, and whether it allows everything that Quiver needs.
 */

import { infoField } from './cluster-info.ts';
import type { Argument } from './command-bytes.ts';
import { type ClusterMember, type RedisCluster, rootOf } from './redis-cluster.ts';

/**
 * A problem of a node:
 *
 * - `setting`: it could lose acknowledged data;
 * - `right`: it denies access, or refuses a required command;
 * - `unreachable`: nothing answers at the address that the cluster announces;
 * - `replica`: the master has no replica that follows it;
 * - `stranger`: the master has a replica that the cluster does not know (yet).
 */
export interface NodeFlaw {
  readonly kind: 'setting' | 'right' | 'unreachable' | 'replica' | 'stranger';
  /** Starts with the address. */
  readonly text: string;
}

export interface NodeFinding {
  readonly flaws: readonly NodeFlaw[];
  /** The report of the node (INFO); undefined if there is none. */
  readonly info: string | undefined;
}

/**
 * Commands on keys that Quiver sends or its scripts run, each with a valid number of arguments
 * after the key.
 */
const KEY_COMMANDS: Readonly<Record<string, readonly Argument[]>> = {
  DEL: [],
  EXISTS: [],
  GET: [],
  HDEL: ['f'],
  HEXISTS: ['f'],
  HGET: ['f'],
  HGETALL: [],
  HINCRBY: ['f', 1],
  HKEYS: [],
  HMGET: ['f'],
  HSET: ['f', 'v'],
  PERSIST: [],
  PEXPIRE: [1],
  PEXPIREAT: [1],
  SET: ['v'],
  ZADD: [0, 'm'],
  ZCARD: [],
  ZRANGE: [0, 0],
  ZRANGEBYLEX: ['-', '+'],
  ZRANGEBYSCORE: [0, 0],
  ZREM: ['m'],
  ZREMRANGEBYRANK: [0, 0],
  ZREVRANGE: [0, 0],
};
/** Commands without a key, with arguments that do as little as possible. */
const OTHER_COMMANDS: readonly (readonly [string, ...Argument[]])[] = [
  ['TIME'],
  ['WAIT', 0, 0],
  ['SCRIPT', 'LOAD', 'return 1'],
  ['SCAN', 0, 'COUNT', 1],
];
const UNKNOWN_SHA = '0'.repeat(40);

/**
 * Checks a node. Does not throw.
 * @param prefix the beginning of keys
 */
export async function checkNode(
  cluster: RedisCluster,
  { address, master }: ClusterMember,
  prefix: string,
): Promise<NodeFinding> {
  let info: string;
  try {
    info = String(await cluster.askNode<Buffer>(address, 'INFO'));
  } catch (error) {
    return { flaws: [silenceOf(address, rootOf(error))], info: undefined };
  }
  const settings = settingFlaws(info).map((text): NodeFlaw => {
    const when = address === master ? '' : ' (it counts when the replica is promoted)';
    return { kind: 'setting', text: `${address}: ${text}${when}` };
  });
  const missing = await missingRights(cluster, address, `${prefix}:probe`);
  const rights: NodeFlaw[] =
    missing.length === 0
      ? []
      : [{ kind: 'right', text: `${address}: the user has no right to ${missing.join(', ')} (NOPERM)` }];
  return { flaws: [...settings, ...rights], info };
}

function silenceOf(address: string, why: string): NodeFlaw {
  if (/^(WRONGPASS|NOAUTH)/.test(why)) {
    return { kind: 'right', text: `${address}: does not take user and password (${why})` };
  }
  if (why.startsWith('NOPERM')) return { kind: 'right', text: `${address}: ${why}` };
  const text = `${address}: cannot be reached at this address, which the cluster announces (${why})`;
  return { kind: 'unreachable', text };
}

function settingFlaws(info: string): string[] {
  const policy = infoField(info, 'maxmemory_policy');
  return [
    ...(infoField(info, 'aof_enabled') === '1'
      ? []
      : ['appendonly must be yes, or a restart loses what was acknowledged']),
    ...(policy === 'noeviction'
      ? []
      : [`maxmemory-policy must be noeviction, not ${policy}, which drops profiles`]),
  ];
}

/**
 * The commands that the node refuses to run for this user.
 *
 * A node checks rights before it checks whether it serves the key. So a command with a key of
 * another node is refused either for the right or for the key, and never runs. This cannot be tried
 * on a node that serves every key.
 */
async function missingRights(cluster: RedisCluster, address: string, start: string): Promise<string[]> {
  const key = cluster.keyNotAt(address, start);
  const ofKeys: (readonly [string, ...Argument[]])[] =
    key === undefined
      ? []
      : [
          ...Object.entries(KEY_COMMANDS).map(([name, rest]): [string, ...Argument[]] => [
            name,
            key,
            ...rest,
          ]),
          ['EVALSHA', UNKNOWN_SHA, 1, key],
          ['EVAL', 'return 1', 1, key],
        ];
  const found = await Promise.all(
    [...OTHER_COMMANDS, ...ofKeys].map(async ([name, ...args]) => {
      const why = await cluster.askOnce(address, name, ...args).then(() => '', rootOf);
      if (!why.startsWith('NOPERM')) return [];
      return [why.includes(' access ') ? `use the keys ${start.split(':')[0]}:*` : `run ${name}`];
    }),
  );
  return [...new Set(found.flat())];
}
