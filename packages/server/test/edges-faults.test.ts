/**
 * Edge clusters that lose one another, under load: nothing acknowledged is lost or duplicated, and
 * nothing that is only unreachable is reported as "not found". One cluster is killed and restarted
 * `QUIVER_FAULT_ROUNDS` times, twice by default; then the network is cut in both directions, by
 * proxies that drop data.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type EdgeCluster, startEdges } from './edge-clusters.ts';
import { freePorts } from './free-ports.ts';
import { until } from './until.ts';

const ROUNDS = Number(process.env.QUIVER_FAULT_ROUNDS ?? 2);
const CLUSTERS = [1, 2, 3];
const PERSONS = 9;
/**
 * The longest time of a request while another cluster does not answer, in milliseconds; in the
 * short form, where other tests share the machine, only a request that hangs is noticed.
 */
const LONGEST_MS = process.env.QUIVER_FAULT_ROUNDS ? 5000 : 15_000;

interface Counter {
  readonly person: string;
  acknowledged: number;
  tried: number;
}

interface Seen {
  readonly wrong: string[];
  acknowledged: number;
  refused: number;
  slowestMs: number;
}

/** Persons known in all clusters, each with a counter that requests to any cluster increase. */
class Load {
  readonly seen: Seen = { wrong: [], acknowledged: 0, refused: 0, slowestMs: 0 };
  readonly counters: Counter[] = [];
  /** Devices that signed in, with their person. */
  readonly devices: { readonly device: string; readonly person: string }[] = [];
  readonly #edges: readonly EdgeCluster[];
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(edges: readonly EdgeCluster[]) {
    this.#edges = edges;
  }

  async start(): Promise<void> {
    for (let n = 0; n < PERSONS; n += 1) {
      const person = `person${n}`;
      const reply = await visit(this.#edges[n % this.#edges.length]!, { thirdPartyId: person });
      expect(reply.status).toBe(200);
      this.counters.push({ person, acknowledged: 0, tried: 0 });
    }
    this.#running = Promise.all([...this.counters.map((counter) => this.#count(counter)), this.#signIn()]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  #any(): EdgeCluster {
    return this.#edges[Math.floor(Math.random() * this.#edges.length)]!;
  }

  async #count(counter: Counter): Promise<void> {
    while (!this.#isStopped) {
      counter.tried += 1;
      const value = counter.tried;
      const { person } = counter;
      const reply = await this.#ask(
        this.#any(),
        `/m2/demo/profile/update?mbox3rdPartyId=${person}&profile.n=${value}`,
      );
      if (!reply) continue;
      if (!reply.text.includes('<success>true')) this.seen.wrong.push(`${person}: ${reply.text}`);
      counter.acknowledged = value;
      const read = await this.#ask(this.#any(), `/rest/v1/profiles/thirdPartyId/${person}?client=demo`);
      if (!read) continue;
      const found = Number(JSON.parse(read.text).profileAttributes?.n?.value);
      if (found !== value)
        this.seen.wrong.push(`${person}: ${value} was acknowledged, ${read.text} was read`);
    }
  }

  /** Devices that are created at one cluster and sign in at another. */
  async #signIn(): Promise<void> {
    for (let n = 0; !this.#isStopped; n += 1) {
      const born = await this.#ask(...visitRequest(this.#any(), {}));
      if (!born) continue;
      const device = JSON.parse(born.text).id.tntId as string;
      const person = `person${n % PERSONS}`;
      const linked = await this.#ask(...visitRequest(this.#any(), { tntId: device, thirdPartyId: person }));
      if (linked) this.devices.push({ device, person });
      await pause(20);
    }
  }

  /**
   * The reply; undefined when it is 503 or the connection breaks, so that the outcome is unknown.
   */
  async #ask(edge: EdgeCluster, path: string, init?: RequestInit): Promise<{ text: string } | undefined> {
    const began = performance.now();
    try {
      const reply = await edge.fetch(path, init);
      const text = await reply.text();
      if (reply.status === 503) throw new Error('503');
      if (reply.status !== 200) this.seen.wrong.push(`${path}: ${reply.status} ${text}`);
      this.seen.acknowledged += 1;
      return { text };
    } catch {
      this.seen.refused += 1;
      await pause(20);
      return undefined;
    } finally {
      this.seen.slowestMs = Math.max(this.seen.slowestMs, performance.now() - began);
    }
  }

  /** Compares everything acknowledged with every cluster, when all answer again. */
  async compare(): Promise<void> {
    const { wrong } = this.seen;
    for (const edge of this.#edges) {
      for (const { person, acknowledged, tried } of this.counters) {
        const reply = await edge.fetch(`/rest/v1/profiles/thirdPartyId/${person}?client=demo`);
        const n = Number(((await reply.json()) as Profile).profileAttributes?.n?.value ?? 0);
        if (!(n >= acknowledged && n <= tried)) {
          wrong.push(`${person} at ${edge.cluster}: ${acknowledged} to ${tried}, but ${n} is there`);
        }
      }
    }
    for (const { device, person } of this.devices) {
      const of = async (path: string) =>
        (await (await this.#any().fetch(`/rest/v1/profiles/${path}?client=demo`)).json()) as Profile;
      const [one, other] = [await of(device), await of(`thirdPartyId/${person}`)];
      if (
        !one.profileAttributes ||
        JSON.stringify(one.profileAttributes) !== JSON.stringify(other.profileAttributes)
      ) {
        wrong.push(`${device} is not of ${person}: ${JSON.stringify(one)}`);
      }
    }
  }
}

interface Profile {
  readonly profileAttributes?: Record<string, { readonly value: string }>;
}

function visitRequest(edge: EdgeCluster, id: object): [EdgeCluster, string, RequestInit] {
  const body = JSON.stringify({ id, context: { channel: 'web' } });
  return [edge, '/rest/v1/delivery?client=demo&sessionId=s', { method: 'POST', body }];
}

function visit(edge: EdgeCluster, id: object): Promise<Response> {
  const [, path, init] = visitRequest(edge, id);
  return edge.fetch(path, init);
}

const allAnswer = (edges: readonly EdgeCluster[]) =>
  until('every cluster finds what nobody has', async () => {
    const replies = await Promise.all(
      edges.map((edge) => edge.fetch('/rest/v1/profiles/nobody?client=demo')),
    );
    return replies.every(({ status }) => status === 404);
  });

test(
  'after a cluster was killed and restarted, every acknowledged change is there exactly once',
  async () => {
    const { clusters, stop } = await startEdges(CLUSTERS, { runtimes: ['bun', 'node'] });
    try {
      await allAnswer(clusters);
      const load = new Load(clusters);
      await load.start();
      for (let round = 0; round < ROUNDS; round += 1) {
        const victim = clusters[round % clusters.length]!;
        await pause(500);
        await victim.kill();
        await pause(700);
        await victim.restart();
        await allAnswer(clusters);
      }
      await pause(500);
      await load.stop();
      await load.compare();
      expect(load.seen.wrong).toEqual([]);
      expect(load.seen.acknowledged).toBeGreaterThan(100 * ROUNDS);
      expect(load.seen.refused).toBeGreaterThan(0);
      expect(load.devices.length).toBeGreaterThan(ROUNDS);
      expect(load.seen.slowestMs).toBeLessThan(LONGEST_MS);
    } finally {
      await stop();
    }
  },
  60_000 + 15_000 * ROUNDS,
);

test('while the network is cut, each side serves its own profiles and answers 503 for others, and both recover', async () => {
  const net = new Network(await freePorts(CLUSTERS.length * (CLUSTERS.length - 1)));
  const { clusters, stop } = await startEdges(CLUSTERS, {
    urlOf: (from, to, url) => net.between(from, to, url),
  });
  try {
    await net.listen();
    await allAnswer(clusters);
    const load = new Load(clusters);
    await load.start();
    await pause(500);
    net.cut(3);
    await pause(3000);
    const [one, , three] = clusters;
    const status = async (edge: EdgeCluster, person: string) =>
      (await edge.fetch(`/rest/v1/profiles/thirdPartyId/${person}?client=demo`)).status;
    // person0 lives at 1, person1 at 2, person2 at 3.
    expect(await status(one!, 'person1')).toBe(200);
    expect(await status(one!, 'person2')).toBe(503);
    expect(await status(three!, 'person2')).toBe(200);
    expect(await status(three!, 'person0')).toBe(503);
    expect((await visit(one!, {})).status).toBe(200);
    expect((await visit(three!, {})).status).toBe(200);
    for (const edge of clusters) expect((await edge.fetch('/readyz')).status).toBe(200);
    net.heal();
    await allAnswer(clusters);
    await pause(500);
    await load.stop();
    await load.compare();
    expect(load.seen.wrong).toEqual([]);
    expect(load.seen.slowestMs).toBeLessThan(LONGEST_MS);
  } finally {
    await stop();
    await net.close();
  }
}, 90_000);

/** Connections between clusters, each through a proxy that forwards or drops data. */
class Network {
  readonly #ways: {
    readonly ends: readonly number[];
    readonly port: number;
    readonly target: number;
    server: Server;
  }[] = [];
  readonly #sockets = new Set<{ readonly ends: readonly number[]; readonly pair: readonly Socket[] }>();
  #cutOff: number | undefined;
  readonly #ports: number[];

  /** @param ports free ones, one for each direction */
  constructor(ports: readonly number[]) {
    this.#ports = [...ports];
  }

  /** The URL at which one cluster finds another. */
  between(from: number, to: number, url: string): string {
    const ends = [from, to];
    const target = Number(new URL(url).port);
    const port = this.#ports.pop()!;
    const server = createServer((inner) => {
      const outer = connect(target, '127.0.0.1');
      const pair = [inner, outer];
      const way = { ends, pair };
      this.#sockets.add(way);
      for (const [socket, other] of [
        [inner, outer],
        [outer, inner],
      ] as const) {
        // Data is dropped while the connection is cut, without telling anybody.
        socket.on('data', (chunk) => {
          if (!this.#isCut(ends)) other.write(chunk);
        });
        socket.on('error', () => undefined);
        socket.on('close', () => {
          if (!this.#isCut(ends)) other.destroy();
          this.#sockets.delete(way);
        });
      }
    });
    this.#ways.push({ ends, port, target, server });
    server.listen(port, '127.0.0.1');
    return `http://127.0.0.1:${port}`;
  }

  async listen(): Promise<void> {
    for (const { server } of this.#ways) {
      if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
    }
  }

  /** Cuts one cluster off from all others. */
  cut(cluster: number): void {
    this.#cutOff = cluster;
  }

  heal(): void {
    const cut = [...this.#sockets].filter(({ ends }) => this.#isCut(ends));
    this.#cutOff = undefined;
    // Connections that have lost data cannot continue.
    for (const { pair } of cut) for (const socket of pair) socket.destroy();
  }

  async close(): Promise<void> {
    for (const { pair } of this.#sockets) for (const socket of pair) socket.destroy();
    await Promise.all(this.#ways.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  }

  #isCut(ends: readonly number[]): boolean {
    return this.#cutOff !== undefined && ends.includes(this.#cutOff);
  }
}
