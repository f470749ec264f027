/**
 * One node of a cluster, and the meaning of its replies. Writes of one turn of the event loop are
 * sent in one pipeline with one WAIT at its end; while that waits, the next ones are collected.
 */

import type { Redis } from 'ioredis';
import type { Script } from './script.ts';

/** How long one attempt may take, and within that WAIT. */
const ATTEMPT_MS = 800;
const WAIT_MS = 500;
const CALLS_PER_PIPELINE = 500;
const BYTES_PER_PIPELINE = 4_000_000;
/** Errors of a node that has done nothing. */
const REFUSED = /^(MOVED|ASK|READONLY|CLUSTERDOWN|MASTERDOWN|LOADING|TRYAGAIN|NOREPLICAS|BUSY)\b/;

export type Argument = string | Buffer | number;
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

interface Question {
  readonly words: readonly [string, ...Argument[]];
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
  readonly #connect: () => Redis;
  readonly #replicas: () => number;
  #reader: Promise<Redis> | undefined;
  #writer: Promise<Redis> | undefined;
  #questions: Question[] = [];
  #queue: Waiting[] = [];
  #isSending = false;

  constructor(connect: () => Redis, replicas: () => number) {
    this.#connect = connect;
    this.#replicas = replicas;
  }

  /** Sends a read. Reads of one turn are sent together. */
  ask<Result>(command: string, ...args: Argument[]): Promise<Result> {
    return new Promise<unknown>((resolve, reject) => {
      this.#addQuestion({ words: [command, ...args], resolve, reject });
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
      this.#addQuestion({ words: [command, keys[index]!], resolve, reject: isIn });
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

  #addQuestion(question: Question): void {
    this.#questions.push(question);
    if (this.#questions.length > 1) return;
    setImmediate(() => {
      const all = this.#questions;
      this.#questions = [];
      for (let from = 0; from < all.length; from += CALLS_PER_PIPELINE) {
        void this.#askAll(all.slice(from, from + CALLS_PER_PIPELINE));
      }
    });
  }

  async #askAll(questions: readonly Question[]): Promise<void> {
    try {
      this.#reader ??= this.#opened(() => {
        this.#reader = undefined;
      });
      const reader = await this.#reader;
      if (questions.length === 1) {
        const [{ words, resolve }] = questions as [Question];
        resolve(await inTime(reader, reader.callBuffer(...words)));
        return;
      }
      const pipeline = reader.pipeline();
      for (const { words } of questions) pipeline.callBuffer(...words);
      const answers = (await inTime(reader, pipeline.exec()))!;
      for (const [index, { resolve, reject }] of questions.entries()) {
        const [error, answer] = answers[index]!;
        if (error) classified(error).catch(reject);
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of questions) classified(error).catch(reject);
    }
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
      connection?.then((redis) => redis.disconnect()).catch(() => undefined);
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
    const answers = await this.#run(writer, group);
    // A script that the node does not know did not run; the replies of the others are valid.
    const unknown = group.filter((_, index) => answers[index]?.[0]?.message.startsWith('NOSCRIPT'));
    if (unknown.length > 0) {
      const scripts = new Set(unknown.map(({ call }) => call.script));
      await Promise.all([...scripts].map(({ text }) => inTime(writer, writer.call('SCRIPT', 'LOAD', text))));
      this.#queue.unshift(...unknown);
    }
    const [waitError, acknowledged] = answers[group.length]!;
    for (const [index, { resolve, reject }] of group.entries()) {
      const [error, reply] = answers[index]!;
      if (error?.message.startsWith('NOSCRIPT')) continue;
      if (error) classified(error).catch(reject);
      else resolve({ reply: reply as ScriptReply, acknowledged: waitError ? 0 : Number(acknowledged) });
    }
  }

  async #run(writer: Redis, group: readonly Waiting[]): Promise<[Error | null, unknown][]> {
    const pipeline = writer.pipeline();
    for (const { call } of group) {
      pipeline.callBuffer('EVALSHA', call.script.sha, call.keys.length, ...call.keys, ...call.args);
    }
    // Without a replica to wait for, the reply is 0 at once.
    pipeline.wait(this.#replicas(), WAIT_MS);
    return (await inTime(writer, pipeline.exec()))!;
  }

  async #opened(forget: () => void): Promise<Redis> {
    const redis = this.#connect();
    let reason: unknown;
    redis.on('error', (error) => {
      reason = error;
    });
    redis.once('end', forget);
    try {
      await redis.connect();
    } catch (error) {
      forget();
      redis.disconnect();
      const told = reason ?? error;
      const why = told instanceof Error ? told.message : String(told);
      // Nothing has been sent.
      throw /WRONGPASS|NOAUTH|NOPERM/.test(why) ? new Failed(why) : new Refused(why);
    }
    return redis;
  }
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

/**
 * If a reply does not come in time, the connection is closed, because what was sent on it may be
 * done at any time or never.
 */
async function inTime<Result>(connection: Redis, answer: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      connection.disconnect();
      reject(new Error('the node did not answer in time'));
    }, ATTEMPT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function classified(error: unknown): Promise<never> {
  if (error instanceof Refused || error instanceof Failed) throw error;
  const why = error instanceof Error ? error.message : String(error);
  if (REFUSED.test(why)) throw new Refused(why);
  if (/^(OOM|MISCONF|WRONGPASS|NOAUTH|NOPERM|ERR|WRONGTYPE|CROSSSLOT)\b/.test(why)) throw new Failed(why);
  throw error;
}
