/**
 * A failing Redis Cluster loses nothing that was acknowledged and does nothing twice. Two handles,
 * like two processes, write without a pause while one node is killed, delayed, frozen and resumed,
 * or restarted.
 *
 * `QUIVER_FAULT_ROUNDS=10` repeats each fault ten times; by default it happens once.
 */

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { QuiverError } from '../src/errors.ts';
import { attributesIn } from '../src/storage/conformance/attributes-in.ts';
import { at, person, settings, tnt } from '../src/storage/conformance/profile-store-conformance.ts';
import { openRedisStores } from '../src/storage/redis/open-redis-stores.ts';
import type { Stores } from '../src/storage/stores.ts';
import { hasRedis, type RedisNode, type RedisNodes, startRedisNodes } from './redis-nodes.ts';
import { until } from './until.ts';

const ROUNDS = Number(process.env.QUIVER_FAULT_ROUNDS ?? 1);
/**
 * No request waits longer in a failover; in the short form, where other tests share the machine,
 * only a request that hangs is noticed.
 */
const LONGEST_MS = process.env.QUIVER_FAULT_ROUNDS ? 3000 : 15_000;
const DAY = '2026-11-24';
const COUNTERS = 12;
const PERSONS = 6;
const METERS = 8;

/** Longer than the cluster takes to replace a master that does not answer. */
const FAILOVER_MS = 4500;

interface Fault {
  readonly name: string;
  act(cluster: RedisNodes, master: RedisNode): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'a master killed with -9',
    async act(cluster, master) {
      await master.kill();
      await until('a replica has taken over', async () => (await cluster.masters()).length === 3);
      await master.restart();
    },
  },
  {
    name: 'a replica that lags, then loses its master',
    async act(cluster, master) {
      const replica = await cluster.replicaOf(master);
      replica.freeze();
      // Data that is already in its socket would still reach it.
      await master.ask('CLIENT', 'KILL', 'TYPE', 'replica');
      await pause(1000);
      await master.kill();
      replica.wake();
      await until('the replica has taken over', async () => (await cluster.masters()).includes(replica));
      await master.restart();
    },
  },
  {
    name: 'a frozen master that wakes',
    async act(_cluster, master) {
      master.freeze();
      await pause(FAILOVER_MS);
      master.wake();
    },
  },
  {
    name: 'a fast restart',
    async act(_cluster, master) {
      await master.kill();
      await master.restart();
    },
  },
];

describe.skipIf(!hasRedis)('a failing Redis Cluster', () => {
  let cluster: RedisNodes;
  beforeAll(async () => {
    cluster = await startRedisNodes();
  });
  afterAll(() => cluster?.stop());

  test.each(FAULTS)(
    '$name loses nothing acknowledged and does nothing twice',
    async ({ act }) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const seen = await underLoad(cluster, 1, async () => {
          const masters = await cluster.masters();
          await act(cluster, masters[round % masters.length]!);
          await cluster.settled();
        });
        expect(seen).toMatchObject({ lost: [], twice: [] });
        expect(seen.acknowledged).toBeGreaterThan(100);
        expect(seen.slowestMs).toBeLessThan(LONGEST_MS);
      }
    },
    30_000 * ROUNDS + 30_000,
  );

  test('a write that no replica confirmed does not count: without that rule the lagging replica loses some', async () => {
    const lagging = FAULTS[1]!;
    let lost = 0;
    for (let round = 0; round < 5 && lost === 0; round += 1) {
      const seen = await underLoad(cluster, 0, async () => {
        await lagging.act(cluster, (await cluster.masters())[0]!);
        await cluster.settled();
      });
      lost += seen.lost.length;
    }
    expect(lost).toBeGreaterThan(0);
  }, 120_000);
});

interface Seen {
  readonly lost: string[];
  readonly twice: string[];
  acknowledged: number;
  refused: number;
  slowestMs: number;
}

/**
 * Writes and reads during the fault, then compares everything acknowledged with what is stored.
 */
async function underLoad(cluster: RedisNodes, replicas: number, fault: () => Promise<void>): Promise<Seen> {
  const prefix = `faults-${randomBytes(6).toString('hex')}`;
  const seeds = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const open = () => openRedisStores({ seeds, connection: {}, prefix, replicas });
  const handles = await Promise.all([open(), open()]);
  const seen: Seen = { lost: [], twice: [], acknowledged: 0, refused: 0, slowestMs: 0 };
  const load = new Load(handles, seen);
  const running = load.run();
  try {
    await pause(500);
    await fault();
    await pause(500);
  } finally {
    load.stop();
    await running;
  }
  try {
    await load.compare();
  } finally {
    await Promise.all(handles.map((stores) => stores.close()));
  }
  return seen;
}

class Load {
  readonly #handles: readonly Stores[];
  readonly #seen: Seen;
  /** For each counter the last acknowledged number and the last attempted one. */
  readonly #counters = Array.from({ length: COUNTERS }, () => ({ acknowledged: 0, tried: 0 }));
  /** For each person the linked devices, and those whose link has an unknown outcome. */
  readonly #devices = Array.from({ length: PERSONS }, () => [] as string[]);
  readonly #usage = { acknowledged: 0, tried: 0 };
  #isStopped = false;

  constructor(handles: readonly Stores[], seen: Seen) {
    this.#handles = handles;
    this.#seen = seen;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<void> {
    const counters = this.#counters.map((_, index) => this.#count(index));
    const persons = this.#devices.map((_, index) => this.#link(index));
    const meters = Array.from({ length: METERS }, () => this.#meter());
    await Promise.all([...counters, ...persons, ...meters]);
  }

  #handle(): Stores {
    return this.#handles[Math.floor(Math.random() * this.#handles.length)]!;
  }

  /**
   * Writes increasing numbers into one attribute; a number that goes back was written twice.
   */
  async #count(index: number): Promise<void> {
    const counter = this.#counters[index]!;
    while (!this.#isStopped) {
      counter.tried += 1;
      const value = counter.tried;
      const isDone = await this.#try(() =>
        this.#handle().profiles.update('demo', tnt(`c${index}`), settings({ n: String(value) }), now(), true),
      );
      if (!isDone) continue;
      counter.acknowledged = value;
      await this.#try(async () => {
        const found = await this.#numberOf(index);
        if (found < value) this.#seen.lost.push(`c${index}: ${value} was acknowledged, ${found} was read`);
        if (found > value) this.#seen.twice.push(`c${index}: ${value} is the last, ${found} was read`);
      });
    }
  }

  /** Creates devices that are then linked to a person. */
  async #link(index: number): Promise<void> {
    for (let n = 0; !this.#isStopped; n += 1) {
      const device = `d${index}-${n}`;
      const { profiles } = this.#handle();
      const set = settings({ [device]: '1' });
      if (!(await this.#try(() => profiles.update('demo', tnt(device), set, now(), true)))) continue;
      const ids = [person(`p${index}`), tnt(device)];
      const visit = { ids, freshTntId: tnt(`fresh-${device}`), settings: new Map() };
      const linking = this.#try(() => this.#handle().profiles.visit('demo', visit, now()));
      // Whatever happens to the link, a reader always finds the device's attribute.
      await this.#expectAttribute(device, device);
      if (await linking) this.#devices[index]!.push(device);
      await this.#expectAttribute(device, device);
      // Limits the devices of a person, because long visits are not what this tests.
      if (n % 40 === 39)
        await this.#try(() =>
          profiles.remove('demo', person(`p${index}`), Date.now()).then(() => {
            this.#devices[index]!.length = 0;
          }),
        );
    }
  }

  async #meter(): Promise<void> {
    while (!this.#isStopped) {
      this.#usage.tried += 1;
      const addition = { client: 'demo', day: DAY, counts: { fetches: 1 } };
      if (await this.#try(() => this.#handle().usage.add([addition]))) this.#usage.acknowledged += 1;
    }
  }

  async #expectAttribute(device: string, name: string): Promise<void> {
    await this.#try(async () => {
      const found = await this.#handle().profiles.find('demo', tnt(device), Date.now());
      const names = found ? attributesIn(found.attributes).map((one) => one.name) : ['no profile'];
      if (!names.includes(name)) this.#seen.lost.push(`${device}: has only ${names.join(', ')}`);
    });
  }

  /**
   * Whether it was acknowledged; an error for "not done" or "unknown" is not a loss.
   */
  async #try(work: () => Promise<unknown>): Promise<boolean> {
    const began = performance.now();
    try {
      await work();
      this.#seen.acknowledged += 1;
      return true;
    } catch (error) {
      if (!(error instanceof QuiverError) || error.status !== 503) throw error;
      this.#seen.refused += 1;
      await pause(20);
      return false;
    } finally {
      this.#seen.slowestMs = Math.max(this.#seen.slowestMs, performance.now() - began);
    }
  }

  async #numberOf(index: number): Promise<number> {
    const found = await this.#handle().profiles.find('demo', tnt(`c${index}`), Date.now());
    return Number((found && attributesIn(found.attributes).find(({ name }) => name === 'n')?.value) ?? 0);
  }

  /**
   * The person that a device was linked to. A recovered cluster answers; if the end of a merge was
   * lost, the profile may be locked for a while.
   */
  async #ownerOf(device: string): Promise<string> {
    try {
      const linked = await this.#handles[0]!.profiles.findLinked('demo', tnt(device), Date.now(), 1);
      return linked?.profile.thirdPartyId ?? 'nobody';
    } catch (error) {
      if (!(error instanceof QuiverError) || error.status !== 503) throw error;
      return error.message;
    }
  }

  /** Compares what is stored, once the cluster has recovered, with everything acknowledged. */
  async compare(): Promise<void> {
    const { lost, twice } = this.#seen;
    for (const [index, { acknowledged, tried }] of this.#counters.entries()) {
      const found = await this.#numberOf(index);
      if (found < acknowledged) lost.push(`c${index}: ${acknowledged} was acknowledged, ${found} is there`);
      if (found > tried) twice.push(`c${index}: ${tried} was the last, ${found} is there`);
    }
    for (const [index, devices] of this.#devices.entries()) {
      for (const device of devices) {
        const owner = await this.#ownerOf(device);
        if (owner !== `p${index}`) lost.push(`${device} is not of p${index}: ${owner}`);
        await this.#expectAttribute(device, device);
      }
    }
    const [day] = await this.#handles[0]!.usage.read('demo', DAY, DAY);
    const counted = day?.counts.fetches ?? 0;
    if (counted < this.#usage.acknowledged) lost.push(`usage: ${counted} of ${this.#usage.acknowledged}`);
    if (counted > this.#usage.tried) twice.push(`usage: ${counted} of ${this.#usage.tried}`);
  }
}

const now = () => at(Date.now());
