/**
 * Misconfigures nodes of a real Redis Cluster and checks whether Quiver notices; prints one JSON
 * line with what it saw and the problems.
 *
 *   bun redis-nodes-run.ts <rounds>
 */

import { setTimeout as pause } from 'node:timers/promises';
import { openRedisStores } from '../packages/server/src/storage/redis/open-redis-stores.ts';
import type { Stores } from '../packages/server/src/storage/stores.ts';
import { type RedisNode, type RedisNodes, startRedisNodes } from '../packages/server/test/redis-nodes.ts';
import { until } from '../packages/server/test/until.ts';

const rounds = Number(process.argv[2]);
/** No request may take longer, including the check of access and the work itself. */
const LONGEST_MS = Number(process.argv[3]);
const LIFETIME = 14;
const seen = { 'spoiled nodes': 0, noticed: 0, 'at run time': 0, 'slowest ms': 0, 'asked meanwhile': 0 };
const problems: string[] = [];

interface Spoiling {
  readonly name: string;
  spoil(node: RedisNode): Promise<unknown>;
  mend(node: RedisNode): Promise<unknown>;
  /** What the refusal must say after the address. */
  readonly says: RegExp;
}

const SPOILINGS: readonly Spoiling[] = [
  {
    name: 'no append-only file',
    spoil: (node) => node.ask('CONFIG', 'SET', 'appendonly', 'no'),
    mend: (node) => node.ask('CONFIG', 'SET', 'appendonly', 'yes'),
    says: /appendonly must be yes/,
  },
  {
    name: 'keys are evicted',
    spoil: (node) => node.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'),
    mend: (node) => node.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction'),
    says: /maxmemory-policy must be noeviction, not allkeys-lru/,
  },
  {
    name: 'a command that may not be run',
    spoil: (node) => node.ask('ACL', 'SETUSER', 'default', '-hset', '-zadd'),
    mend: (node) => node.ask('ACL', 'SETUSER', 'default', '+@all'),
    says: /no right to run HSET, run ZADD \(NOPERM\)/,
  },
  {
    name: 'another password',
    spoil: (node) => node.ask('CONFIG', 'SET', 'requirepass', 'another'),
    mend: (node) => node.ask('CONFIG', 'SET', 'requirepass', ''),
    says: /NOAUTH/,
  },
];

const cluster = await startRedisNodes();
const seeds = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
const open = (found?: (flaws: readonly string[]) => void) =>
  openRedisStores({ seeds, connection: {}, prefix: 'torture', ...(found && { found }) });
try {
  for (let round = 0; round < rounds; round += 1) {
    for (const spoiling of SPOILINGS) await atStart(cluster, spoiling, round);
    await allAtOnce(cluster);
    await atRunTime(cluster, round);
    await whenFull(cluster);
    await whileMastersDie(cluster, round);
  }
} catch (error) {
  problems.push(String((error as Error).stack));
} finally {
  await cluster.stop();
}
process.stdout.write(`${JSON.stringify({ seen, problems })}\n`);

async function replicas({ nodes, masters }: RedisNodes): Promise<RedisNode[]> {
  const own = await masters();
  return nodes.filter((node) => !own.includes(node));
}

/** The reason why it does not open; undefined when it does. */
async function refusal(): Promise<string | undefined> {
  try {
    const stores = await open();
    await stores.close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * A misconfigured replica is as bad as a misconfigured master, because it may be promoted a second
 * later.
 */
async function atStart(nodes: RedisNodes, { name, spoil, mend, says }: Spoiling, round: number) {
  const all = [...(await nodes.masters()), ...(await replicas(nodes))];
  // A master in one round of four, else a replica.
  const node = all[round % 4 === 3 ? 0 : 3 + (round % 3)]!;
  await spoil(node);
  try {
    seen['spoiled nodes'] += 1;
    const why = await refusal();
    const isNamed = why?.includes(`127.0.0.1:${node.port}: `) && says.test(why);
    if (isNamed) seen.noticed += 1;
    else problems.push(`${name} at a ${round % 4 === 3 ? 'master' : 'replica'}: ${why ?? 'it started'}`);
  } finally {
    await mend(node);
  }
}

/** All problems are reported at once. */
async function allAtOnce(nodes: RedisNodes) {
  const [one, other] = (await replicas(nodes)) as [RedisNode, RedisNode];
  const [master] = (await nodes.masters()) as [RedisNode];
  const [aof, policy] = SPOILINGS as [Spoiling, Spoiling];
  await Promise.all([aof.spoil(one), policy.spoil(one), policy.spoil(other), aof.spoil(master)]);
  try {
    seen['spoiled nodes'] += 3;
    const why = (await refusal()) ?? '';
    const wanted = [
      `127.0.0.1:${one.port}: appendonly`,
      `127.0.0.1:${one.port}: maxmemory-policy`,
      `127.0.0.1:${other.port}: maxmemory-policy`,
      `127.0.0.1:${master.port}: appendonly`,
    ];
    const missing = wanted.filter((text) => !why.includes(text));
    if (missing.length === 0) seen.noticed += 3;
    else problems.push(`not said: ${missing.join(', ')}; said: ${why}`);
  } finally {
    await Promise.all([aof.mend(one), policy.mend(one), policy.mend(other), aof.mend(master)]);
  }
}

/**
 * A replica that is misconfigured while the store is open, and is then promoted: the store notices
 * by itself, and is ready again once the setting is fixed.
 */
async function atRunTime(nodes: RedisNodes, round: number) {
  const told: (readonly string[])[] = [];
  const stores = await open((flaws) => told.push(flaws));
  const [, policy] = SPOILINGS as [Spoiling, Spoiling];
  const master = (await nodes.masters())[round % 3]!;
  const replica = await nodes.replicaOf(master);
  try {
    await policy.spoil(replica);
    // A failover changes the topology, which triggers the check before a minute has passed.
    await replica.ask('CLUSTER', 'FAILOVER');
    await until('the replica is a master', async () => (await nodes.masters()).includes(replica));
    const address = `127.0.0.1:${replica.port}: `;
    await busyUntil(stores, 'it is told', () => told.some((flaws) => flaws.join().includes(address)));
    await until('it is not ready', () =>
      stores.check().then(
        () => false,
        (error) => error.status === 503,
      ),
    );
    seen['at run time'] += 1;
    await policy.mend(replica);
    await until('it is ready again', () => stores.check().then(() => true));
  } catch (error) {
    problems.push(`at run time: ${(error as Error).message}`);
  } finally {
    await policy.mend(replica);
    await stores.close();
    await nodes.settled();
  }
}

/** Sends occasional requests, like a server in use, so that it learns when slots move. */
function busyUntil(stores: Stores, what: string, isSo: () => boolean) {
  let n = 0;
  return until(what, async () => {
    n += 1;
    const moment = { now: Date.now(), lifetimeDays: LIFETIME };
    const id = { kind: 'tntId', value: `busy${n}` } as const;
    await stores.profiles.update('demo', id, new Map([['x', '1']]), moment, true).catch(() => undefined);
    return isSo();
  });
}

/**
 * At full memory a write is refused with 507, and a removal frees some. A revoked right is a 503.
 */
async function whenFull(nodes: RedisNodes) {
  const stores = await open();
  const moment = () => ({ now: Date.now(), lifetimeDays: LIFETIME });
  const id = (n: number) => ({ kind: 'thirdPartyId', value: `full${n}` }) as const;
  const set = (n: number) =>
    stores.profiles.update('demo', id(n), new Map([['x', 'y'.repeat(100)]]), moment(), true);
  const masters = await nodes.masters();
  try {
    for (let n = 0; n < 30; n += 1) await set(n);
    await Promise.all(masters.map((master) => master.ask('CONFIG', 'SET', 'maxmemory', '1mb')));
    for (let n = 0; n < 30; n += 1) {
      const status = await set(n).then(
        () => 200,
        (error) => error.status,
      );
      if (status !== 507) problems.push(`a write at maxmemory: ${status}`);
      if (n % 3 === 1) {
        const outcome = await stores.profiles.removeAttribute('demo', id(n), 'x', moment()).catch((e) => e);
        if (outcome !== 'removed') problems.push(`a removal of an attribute at maxmemory: ${outcome}`);
        const left = await stores.profiles.find('demo', id(n), Date.now());
        if (!left || left.attributes.includes('"x"'))
          problems.push('an attribute that was removed is there, or its profile is gone');
      }
      if (n % 3 > 0) continue;
      const removed = await stores.profiles.remove('demo', id(n), Date.now()).catch((error) => error);
      if (removed !== true) problems.push(`a removal at maxmemory: ${removed}`);
      const found = await stores.profiles.find('demo', id(n), Date.now());
      if (found) problems.push('a profile that was removed at maxmemory is there');
    }
    await Promise.all(masters.map((master) => master.ask('CONFIG', 'SET', 'maxmemory', '0')));
    await Promise.all(masters.map((master) => master.ask('ACL', 'SETUSER', 'default', '-evalsha', '-hmget')));
    const refused = [
      await set(1).then(
        () => undefined,
        (error) => error,
      ),
      await stores.profiles.find('demo', id(1), Date.now()).then(
        () => undefined,
        (error) => error,
      ),
    ];
    for (const error of refused) {
      const retryAfter = error?.headers?.['retry-after'];
      if (error?.status !== 503 || !retryAfter) problems.push(`without a right: ${error?.status} ${error}`);
    }
  } finally {
    await Promise.all(masters.map((master) => master.ask('ACL', 'SETUSER', 'default', '+@all')));
    await Promise.all(masters.map((master) => master.ask('CONFIG', 'SET', 'maxmemory', '0')));
    await stores.close();
  }
}

/** Everything ends within three seconds while a master is frozen, then killed. */
async function whileMastersDie(nodes: RedisNodes, round: number) {
  const stores = await open();
  const master = (await nodes.masters())[round % 3]!;
  const state = { isOver: false };
  const lane = async (place: number) => {
    for (let n = 0; !state.isOver; n += 1) {
      const id = { kind: 'tntId', value: `dying${place}x${n % 50}` } as const;
      const began = performance.now();
      // Like a request: first the check of access, then the work.
      try {
        await stores.clients.find(`client${place}`);
        const moment = { now: Date.now(), lifetimeDays: LIFETIME };
        if (n % 2) await stores.profiles.find('demo', id, Date.now());
        else await stores.profiles.update('demo', id, new Map([['x', String(n)]]), moment, true);
      } catch (error) {
        if ((error as { status?: number }).status !== 503) problems.push(`while a master dies: ${error}`);
      }
      seen['asked meanwhile'] += 1;
      seen['slowest ms'] = Math.max(seen['slowest ms'], Math.round(performance.now() - began));
    }
  };
  const lanes = Promise.all(Array.from({ length: 24 }, (_, place) => lane(place)));
  master.freeze();
  await pause(2500);
  master.wake();
  await pause(500);
  await master.kill();
  await until('a replica has taken over', async () => (await nodes.masters()).length === 3);
  await master.restart();
  state.isOver = true;
  await lanes;
  await stores.close();
  await nodes.settled();
  if (seen['slowest ms'] > LONGEST_MS) problems.push(`something took ${seen['slowest ms']} ms`);
}
