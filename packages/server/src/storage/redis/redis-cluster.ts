/**
 * Access to a Redis or Valkey Cluster: which master has which slot, connections to the nodes, and
 * retries.
 *
 * After a failover a call may have been done or not, and this file decides what is sent again:
 *
 * a reply, and WAIT confirms a replica       done and durable → it is returned
 * a reply, and WAIT confirms none            done, but may be lost in a failover → the same call
 *                                            again, with the same operation id
 * MOVED, READONLY, CLUSTERDOWN, LOADING, …   not done → the slots are read again, then the call
 * no reply in time, connection lost          unknown → the connection is closed, the call again
 *
 * Retries end after {@link BUDGET_MS}: with `not-done` if every attempt was refused, otherwise with
 * `unknown`. Every script must tolerate being sent twice.
 *
 * Long because single calls and groups of calls follow the same rules.
 */

import { QuiverError } from '../../errors.ts';
import { failure, RETRY_AFTER } from './cluster-failure.ts';
import {
  ClusterNode,
  Failed,
  Refused,
  type ScriptCall,
  type ScriptReply,
  type SentCall,
} from './cluster-node.ts';
import type { Argument } from './command-bytes.ts';
import { beforeIts } from './deadlines.ts';
import { keySlot, SLOTS } from './key-slot.ts';
import { ErrorReply } from './reply-parser.ts';
import { type SlotRange, type SlotView, viewOf } from './slot-view.ts';

/**
 * How long a call may take in total, in milliseconds. A request must end within three seconds: it
 * checks access once or twice ({@link ACCESS_MS}), then does its work, and each part ends in time
 * whatever happens to the cluster.
 */
export const BUDGET_MS = 1700;
/**
 * As {@link BUDGET_MS}, for what is read before the work of a request: settings, tokens, sessions,
 * failed logins.
 */
export const ACCESS_MS = 600;
/** The deadline of a call that starts now, in epoch milliseconds. */
export function latest(budget = BUDGET_MS): number {
  return Date.now() + budget;
}

export interface RedisClusterOptions {
  readonly seeds: readonly { readonly host: string; readonly port: number }[];
  readonly connection: {
    readonly username?: string;
    readonly password?: string;
    /** With the machine's own certificate authorities; undefined for an unencrypted connection. */
    readonly tls?: object;
  };
  /** How many replicas must confirm a write; 1 by default, 0 only in tests of the tests. */
  readonly replicas?: number;
}

export class RedisCluster {
  readonly #options: RedisClusterOptions;
  #replicas: number;
  readonly #nodes = new Map<string, ClusterNode>();
  /** Every node of the cluster that was ever announced. */
  readonly #known = new Set<string>();
  #slots: (string | undefined)[] = [];
  #members: readonly ClusterMember[] = [];
  #topology = '';
  #slotMap = '';
  #topologyChanged: () => void = () => {};
  #refreshing: Promise<void> | undefined;
  /** Why the last node that failed to report the slots failed. */
  #silence: unknown;
  #isClosed = false;

  private constructor(options: RedisClusterOptions) {
    this.#options = options;
    this.#replicas = options.replicas ?? 1;
    for (const { host, port } of options.seeds) this.#known.add(`${host}:${port}`);
  }

  /**
   * Opens connections to the cluster.
   * @throws QuiverError `unavailable` when none of the seeds answers
   */
  static async open(options: RedisClusterOptions): Promise<RedisCluster> {
    const cluster = new RedisCluster(options);
    try {
      await cluster.#retried('unavailable', latest(), async () => {
        await cluster.#refresh();
        if (cluster.masters().length === 0) throw cluster.#silence ?? new Refused('no node answers');
      });
    } catch (error) {
      await cluster.close();
      const nodes = options.seeds.map(({ host, port }) => `${host}:${port}`).join(', ');
      throw new Error(`the cluster does not answer at ${nodes}: ${rootOf(error)}`, { cause: error });
    }
    return cluster;
  }

  /** Runs a script that changes something. Returns when a replica has it too. */
  write(call: ScriptCall, until = latest()): Promise<ScriptReply> {
    return this.#write(call, until, 'not-done');
  }

  /**
   * As {@link write} for many scripts, with one pipeline for each master. Calls that were refused
   * or whose outcome is unknown are repeated one by one.
   *
   * @throws QuiverError when one of them failed; others may have been done
   */
  async writeEach(calls: readonly ScriptCall[], until = latest()): Promise<ScriptReply[]> {
    const replies: ScriptReply[] = new Array(calls.length);
    const again: Promise<void>[] = [];
    const keyOf = ({ keys }: ScriptCall) => keys[0]!;
    await this.#eachNode(calls, keyOf, async (node, places) => {
      const sent = node ? await node.sendEach(places.map((place) => calls[place]!)) : [];
      for (const [nth, place] of places.entries()) {
        const one = sent[nth];
        if (one && !(one instanceof Error) && this.#counts(one)) replies[place] = one.reply;
        else {
          const wasNotDone = one === undefined || one instanceof Refused;
          const code = wasNotDone ? 'not-done' : 'unknown';
          const late = this.#write(calls[place]!, until, code).then((reply) => {
            replies[place] = reply;
          });
          again.push(awaitedLater(late));
        }
      }
    });
    await Promise.all(again);
    return replies;
  }

  #write(call: ScriptCall, until: number, code: 'not-done' | 'unknown'): Promise<ScriptReply> {
    return this.#retried(code, until, async () => {
      const sent = await this.#nodeOf(call.keys[0]!).send(call);
      if (!this.#counts(sent)) throw new Error('no replica has confirmed the write');
      return sent.reply;
    });
  }

  /** A reply that changed nothing need not be durable. */
  #counts({ reply, acknowledged }: SentCall): boolean {
    return acknowledged >= this.#replicas || String(reply[0]) !== 'done';
  }

  /** Reads the same from many keys, as {@link read}, with one pipeline for each master. */
  async readEach<Result>(until: number, keys: readonly string[], command: string): Promise<Result[]> {
    const found: Result[] = new Array(keys.length);
    const again: Promise<void>[] = [];
    await this.#eachNode(
      keys,
      (key) => key,
      async (node, places) => {
        const some = places.map((place) => keys[place]!);
        const answers = node ? await node.askEach<Result>(command, some) : [];
        for (const [nth, place] of places.entries()) {
          const answer = answers[nth];
          if (answer !== undefined) found[place] = answer;
          else {
            const late = this.read<Result>(until, keys[place]!, command).then((result) => {
              found[place] = result;
            });
            again.push(awaitedLater(late));
          }
        }
      },
    );
    await Promise.all(again);
    return found;
  }

  /**
   * Reads from many keys what a replica has too, with one pipeline for each master, once.
   *
   * @param commandsOf the commands of a key, of which the last one reads; those before may write,
   *   and must do no harm when they are sent again
   * @param markOf a key in the same slot that may be written
   * @returns for each key the reply, or undefined when it could not be read
   */
  async readConfirmed<Result>(
    keys: readonly string[],
    commandsOf: (place: number) => readonly (readonly [string, ...Argument[]])[],
    markOf: (key: string) => string,
  ): Promise<(Result | undefined)[]> {
    const found: (Result | undefined)[] = new Array(keys.length);
    let isMissing = false;
    await this.#eachNode(
      keys,
      (key) => key,
      async (node, places) => {
        const lists = places.map(commandsOf);
        const mark = markOf(keys[places[0]!]!);
        const replies = await node?.readConfirmed(lists.flat(), mark).catch(() => undefined);
        isMissing ||= replies === undefined;
        let at = -1;
        for (const [nth, place] of places.entries()) {
          at += lists[nth]!.length;
          const reply = replies?.[at];
          if (reply instanceof ErrorReply) isMissing = true;
          else found[place] = reply as Result | undefined;
        }
      },
    );
    // Perhaps other masters have the slots now.
    if (isMissing) await this.#refresh();
    return found;
  }

  /**
   * Calls back for each master with the indexes of its items; for items without a master, with
   * undefined.
   */
  async #eachNode<Item>(
    items: readonly Item[],
    keyOf: (item: Item) => string,
    work: (node: ClusterNode | undefined, places: readonly number[]) => Promise<void>,
  ): Promise<void> {
    const byAddress = new Map<string | undefined, number[]>();
    for (const [place, item] of items.entries()) {
      const address = this.#slots[keySlot(keyOf(item))];
      const places = byAddress.get(address);
      if (places) places.push(place);
      else byAddress.set(address, [place]);
    }
    await Promise.all(
      Array.from(byAddress, ([address, places]) =>
        work(address === undefined ? undefined : this.#node(address), places),
      ),
    );
  }

  /** Reads from the master of a key. */
  async read<Result>(
    until: number,
    key: string,
    command: string,
    ...args: readonly Argument[]
  ): Promise<Result> {
    return this.#retried('unavailable', until, async () =>
      this.#nodeOf(key).ask<Result>(command, key, ...args),
    );
  }

  /** The reports of all current masters (the command INFO). */
  async infos(): Promise<{ readonly address: string; readonly info: string }[]> {
    return this.#retried('unavailable', latest(), async () => {
      // A node that is asked for no key does not say that it is no longer a master.
      await this.#refresh();
      return Promise.all(
        this.masters().map(async (address) => ({
          address,
          info: String(await this.#node(address).ask<Buffer>('INFO')),
        })),
      );
    });
  }

  /** Sends a command to one master, by its address as in {@link infos}. */
  async askNode<Result>(address: string, command: string, ...args: Argument[]): Promise<Result> {
    return this.#retried('unavailable', latest(), () => this.#node(address).ask<Result>(command, ...args));
  }

  /** Sends a command to one node, once. An error reply is thrown as it is. */
  askOnce<Result>(address: string, command: string, ...args: Argument[]): Promise<Result> {
    return this.#node(address).ask<Result>(command, ...args);
  }

  /** Masters and replicas, as the cluster announces them. */
  members(): readonly ClusterMember[] {
    return this.#members;
  }

  /** Calls back whenever slots or nodes have changed. */
  onTopologyChange(changed: () => void): void {
    this.#topologyChanged = changed;
  }

  /** Reads again which master has which slot. */
  refresh(): Promise<void> {
    return this.#refresh();
  }

  /**
   * A key that a node does not serve, so that it refuses every command with it; undefined when it
   * serves all.
   */
  keyNotAt(address: string, start: string): string | undefined {
    for (let n = 0; n < 64; n += 1) {
      const key = `${start}:{${n}}`;
      if (this.#slots[keySlot(key)] !== address) return key;
    }
    return undefined;
  }

  /** How many replicas a write waits for. */
  get replicas(): number {
    return this.#replicas;
  }

  /**
   * From now on writes count without a replica, for a cluster without replicas whose operator
   * allows it.
   */
  waitForNone(): void {
    this.#replicas = 0;
  }

  /** Addresses of the masters. */
  masters(): string[] {
    return [...new Set(this.#slots)].filter((address) => address !== undefined);
  }

  /** Which master has which slots, as one text that changes when they do. */
  get slotMap(): string {
    return this.#slotMap;
  }

  /** How many of the 16,384 slots have a master. */
  coveredSlots(): number {
    let count = 0;
    for (let slot = 0; slot < SLOTS; slot += 1) if (this.#slots[slot] !== undefined) count += 1;
    return count;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#refreshing?.catch(() => undefined);
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
  }

  async #retried<Result>(
    refusal: 'not-done' | 'unavailable' | 'unknown',
    until: number,
    attempt: () => Promise<Result>,
  ): Promise<Result> {
    let code = refusal;
    for (let pause = 10; ; pause = Math.min(2 * pause, 160)) {
      try {
        return await beforeIts(until, attempt());
      } catch (error) {
        if (error instanceof Failed) throw failure(error, code);
        if (!(error instanceof Refused) && refusal === 'not-done') code = 'unknown';
        if (this.#isClosed || Date.now() + pause + 50 > until) {
          throw new QuiverError(code, 'The store cannot be reached just now; send it again', {
            cause: error,
            headers: RETRY_AFTER,
          });
        }
        await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
        // Reading the slots may take longer than the call has left.
        await beforeIts(until, this.#refresh()).catch(() => undefined);
      }
    }
  }

  #nodeOf(key: string): ClusterNode {
    const address = this.#slots[keySlot(key)];
    if (address === undefined) throw new Refused('no master has the slot');
    return this.#node(address);
  }

  #node(address: string): ClusterNode {
    let node = this.#nodes.get(address);
    if (!node) {
      const colon = address.lastIndexOf(':');
      const host = address.slice(0, colon);
      const port = Number(address.slice(colon + 1));
      node = new ClusterNode({ ...this.#options.connection, host, port }, () => this.#replicas);
      this.#nodes.set(address, node);
    }
    return node;
  }

  /** Asks every known node for the slots; the view that most nodes agree on is used. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#askForSlots().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #askForSlots(): Promise<void> {
    const views = await Promise.all(
      [...this.#known].map((address) =>
        this.#node(address)
          .ask<SlotRange[]>('CLUSTER', 'SLOTS')
          .then((ranges) => viewOf(ranges, address))
          .catch((error: unknown) => {
            // A node's message is more informative than a closed connection.
            if (!(this.#silence instanceof Failed)) this.#silence = error;
            return undefined;
          }),
      ),
    );
    const answered = views.filter((view) => view !== undefined);
    if (answered.length === 0) return;
    const votes = new Map<string, { count: number; view: SlotView }>();
    for (const view of answered) {
      const vote = votes.get(view.text) ?? { count: 0, view };
      vote.count += 1;
      votes.set(view.text, vote);
    }
    const [most] = [...votes.values()].sort((a, b) => b.count - a.count);
    this.#slots = most!.view.masters;
    this.#slotMap = most!.view.text;
    for (const { members } of answered) for (const address of members.keys()) this.#known.add(address);
    const { text } = most!.view;
    // Roles spread more slowly than slots, so one node may know of replicas that another does not.
    const members = new Map(
      answered.filter((view) => view.text === text).flatMap((view) => [...view.members]),
    );
    this.#members = [...members].map(([address, master]) => ({ address, master }));
    const topology = `${text}\n${[...members].flat().sort().join(' ')}`;
    if (topology === this.#topology) return;
    this.#topology = topology;
    this.#topologyChanged();
  }
}

/** A node that the cluster announces. */
export interface ClusterMember {
  readonly address: string;
  /** For a replica the address of its master, for a master its own. */
  readonly master: string;
}

/** Keeps a failure from counting as unhandled before anybody waits for it. */
function awaitedLater(work: Promise<void>): Promise<void> {
  work.catch(() => undefined);
  return work;
}

/** The root cause of an error. */
export function rootOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : rootOf(error.cause);
}
