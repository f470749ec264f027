/**
 * One node of a cluster, and the meaning of its replies. Writes of one turn of the event loop are
 * sent in one pipeline with one WAIT at its end; while that waits, the next ones are collected.
 */

import { type Argument, CommandBytes } from './command-bytes.ts';
import { type NodeConnectionOptions, RedisConnection } from './redis-connection.ts';
import { ErrorReply, type NodeReply } from './reply-parser.ts';
import type { Script } from './script.ts';

/** How long one attempt may take, and within that WAIT. */
const ATTEMPT_MS = 800;
const WAIT_MS = 500;
const CONNECT_MS = 600;
/** How long the key lives that {@link ClusterNode.readConfirmed} writes, in milliseconds. */
const MARK_KEPT_MS = 60_000;
const CALLS_PER_PIPELINE = 500;
const BYTES_PER_PIPELINE = 4_000_000;
/** Errors of a node that has done nothing. */
const REFUSED = /^(MOVED|ASK|READONLY|CLUSTERDOWN|MASTERDOWN|LOADING|TRYAGAIN|NOREPLICAS|BUSY)\b/;

/** The reply of a script: a status, then its details. */
export type ScriptReply = readonly (Buffer | readonly Buffer[] | null)[];

/** One run of a script, whose keys are all in one slot. */
export interface ScriptCall {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
}

/** Nothing was done; the same call may be sent again. */
export class Refused extends Error {}
/** A call failed finally. */
export class Failed extends Error {}

/** The result of a script: its reply, and how many replicas have it. */
export interface SentCall {
  readonly reply: ScriptReply;
  readonly acknowledged: number;
}

/** Where a node is, and how to connect to it. */
export type NodeOptions = Omit<NodeConnectionOptions, 'connectMs' | 'replyMs'>;

interface Question {
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

interface Waiting {
  readonly call: ScriptCall;
  readonly size: number;
  resolve(answer: SentCall): void;
  reject(error: unknown): void;
}

/**
 * One node, with one connection for reads and one for writes, because WAIT blocks everything sent
 * after it.
 */
export class ClusterNode {
  readonly #options: NodeOptions;
  readonly #replicas: () => number;
  #reader: Promise<RedisConnection> | undefined;
  #writer: Promise<RedisConnection> | undefined;
  #questions: Question[] = [];
  #asked = new CommandBytes();
  #queue: Waiting[] = [];
  #isSending = false;

  constructor(options: NodeOptions, replicas: () => number) {
    this.#options = options;
    this.#replicas = replicas;
  }

  /** Sends a read. Reads of one turn are sent together. */
  ask<Result>(command: string, ...args: Argument[]): Promise<Result> {
    return new Promise<unknown>((resolve, reject) => {
      this.#addQuestion(command, args, { resolve, reject });
    }) as Promise<Result>;
  }

  /**
   * Sends the same read for many keys.
   * @returns by key the reply, or undefined if there was none
   */
  askEach<Result>(command: string, keys: readonly string[]): Promise<(Result | undefined)[]> {
    const answers: (Result | undefined)[] = new Array(keys.length);
    return counted(keys.length, answers, (index, isIn) => {
      const resolve = (answer: unknown) => {
        answers[index] = answer as Result;
        isIn();
      };
      this.#addQuestion(command, [keys[index]!], { resolve, reject: isIn });
    });
  }

  /** Runs a script. Writes of one turn are sent together. */
  send(call: ScriptCall): Promise<SentCall> {
    return new Promise((resolve, reject) => this.#addCall(call, resolve, reject));
  }

  /**
   * As {@link send} for many scripts.
   * @returns by call the result or the error
   */
  sendEach(calls: readonly ScriptCall[]): Promise<(SentCall | Error)[]> {
    const sent: (SentCall | Error)[] = new Array(calls.length);
    return counted(calls.length, sent, (index, isIn) => {
      const keep = (what: unknown) => {
        sent[index] = what as SentCall | Error;
        isIn();
      };
      this.#addCall(calls[index]!, keep, keep);
    });
  }

  /**
   * Reads and waits until a replica has everything that was read.
   *
   * @param mark a key of this node, which is written so that there is something to wait for
   * @returns the replies; undefined when no replica has confirmed it
   */
  async readConfirmed(
    commands: readonly (readonly [string, ...Argument[]])[],
    mark: string,
  ): Promise<readonly NodeReply[] | undefined> {
    const bytes = new CommandBytes(commands.length * 128);
    for (const [name, ...args] of commands) bytes.add(name, args);
    bytes.add('SET', [mark, '1', 'PX', MARK_KEPT_MS]);
    bytes.add('WAIT', [this.#replicas(), WAIT_MS]);
    this.#writer ??= this.#opened(() => {
      this.#writer = undefined;
    });
    const replies = await (await this.#writer).send(bytes);
    const isMarked = !(replies.at(-2) instanceof ErrorReply);
    const acknowledged = replies.at(-1);
    if (!isMarked || typeof acknowledged !== 'number' || acknowledged < this.#replicas()) return undefined;
    return replies.slice(0, commands.length);
  }

  #addQuestion(command: string, args: readonly Argument[], question: Question): void {
    this.#asked.add(command, args);
    this.#questions.push(question);
    if (this.#questions.length === CALLS_PER_PIPELINE) this.#askAll();
    else if (this.#questions.length === 1) setImmediate(() => this.#askAll());
  }

  #askAll(): void {
    const questions = this.#questions;
    if (questions.length === 0) return;
    const commands = this.#asked;
    this.#questions = [];
    this.#asked = new CommandBytes(commands.length + 256);
    this.#reader ??= this.#opened(() => {
      this.#reader = undefined;
    });
    this.#reader
      .then((reader) => reader.send(commands))
      .then(
        (answers) => {
          for (const [index, { resolve, reject }] of questions.entries()) {
            const answer = answers[index]!;
            if (answer instanceof ErrorReply) reject(classified(answer));
            else resolve(answer);
          }
        },
        (error: unknown) => {
          for (const { reject } of questions) reject(classified(error));
        },
      );
  }

  #addCall(call: ScriptCall, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
    let size = 0;
    for (const arg of call.args) size += typeof arg === 'number' ? 8 : arg.length;
    this.#queue.push({ call, size, resolve, reject });
    if (this.#isSending) return;
    this.#isSending = true;
    setImmediate(() => void this.#sendAll());
  }

  close(): void {
    for (const connection of [this.#reader, this.#writer]) {
      connection?.then((redis) => redis.close()).catch(() => undefined);
    }
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      let bytes = 0;
      let count = 0;
      for (const { size } of this.#queue) {
        if (count === CALLS_PER_PIPELINE || (count > 0 && bytes + size > BYTES_PER_PIPELINE)) break;
        bytes += size;
        count += 1;
      }
      const group = this.#queue.splice(0, count);
      try {
        await this.#sendGroup(group);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#isSending = false;
  }

  async #sendGroup(group: readonly Waiting[]): Promise<void> {
    this.#writer ??= this.#opened(() => {
      this.#writer = undefined;
    });
    const writer = await this.#writer;
    const answers = await writer.send(this.#commandsOf(group));
    // A script that the node does not know did not run; the replies of the others are valid.
    const unknown = group.filter((_, index) => isUnknownScript(answers[index]!));
    if (unknown.length > 0) {
      const texts = new CommandBytes();
      for (const { text } of new Set(unknown.map(({ call }) => call.script))) {
        texts.add('SCRIPT', ['LOAD', text]);
      }
      const loaded = await writer.send(texts);
      const refused = loaded.find((answer) => answer instanceof ErrorReply);
      if (refused) for (const { reject } of unknown) reject(classified(refused));
      else this.#queue.unshift(...unknown);
    }
    const confirmed = answers[group.length]!;
    const acknowledged = typeof confirmed === 'number' ? confirmed : 0;
    for (const [index, { resolve, reject }] of group.entries()) {
      const reply = answers[index]!;
      if (!(reply instanceof ErrorReply)) resolve({ reply: reply as ScriptReply, acknowledged });
      else if (!isUnknownScript(reply)) reject(classified(reply));
    }
  }

  #commandsOf(group: readonly Waiting[]): CommandBytes {
    const commands = new CommandBytes(group.reduce((sum, { size }) => sum + size + 256, 64));
    for (const { call } of group) {
      const { script, keys, args } = call;
      commands.start(3 + keys.length + args.length);
      commands.word('EVALSHA');
      commands.word(script.sha);
      commands.word(keys.length);
      for (const key of keys) commands.word(key);
      for (const arg of args) commands.word(arg);
    }
    // Without a replica to wait for, the reply is 0 at once.
    commands.add('WAIT', [this.#replicas(), WAIT_MS]);
    return commands;
  }

  async #opened(forget: () => void): Promise<RedisConnection> {
    try {
      const options = { ...this.#options, connectMs: CONNECT_MS, replyMs: ATTEMPT_MS };
      const connection = await RedisConnection.open(options);
      connection.onEnd(forget);
      return connection;
    } catch (error) {
      forget();
      const why = (error as Error).message;
      // Nothing has been sent.
      throw /WRONGPASS|NOAUTH|NOPERM/.test(why) ? new Failed(why) : new Refused(why);
    }
  }
}

function isUnknownScript(reply: NodeReply): boolean {
  return reply instanceof ErrorReply && reply.message.startsWith('NOSCRIPT');
}

/** Starts `count` operations; `results` is called when the last one has finished. */
function counted<Result>(
  count: number,
  results: Result[],
  startOne: (index: number, isIn: () => void) => void,
): Promise<Result[]> {
  return new Promise((resolve) => {
    let left = count;
    const isIn = () => {
      left -= 1;
      if (left === 0) resolve(results);
    };
    if (count === 0) resolve(results);
    for (let index = 0; index < count; index += 1) startOne(index, isIn);
  });
}

function classified(error: unknown): unknown {
  if (!(error instanceof ErrorReply)) return error;
  const why = error.message;
  if (REFUSED.test(why)) return new Refused(why);
  if (/^(OOM|MISCONF|WRONGPASS|NOAUTH|NOPERM|ERR|WRONGTYPE|CROSSSLOT)\b/.test(why)) return new Failed(why);
  return error;
}
