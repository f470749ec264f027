/**
 * Small records in a Redis or Valkey Cluster. All records of one kind and owner are in one slot:
 *
 *   `…:records:{kind/owner}`         a hash: key → value
 *   `…:record-order:{kind/owner}`    the keys in order
 *   `…:record-due:{kind/owner}`      when each may be removed, for kinds with a lifetime
 *   `…:record-note:{kind/owner}:…`   an operation was done; kept as long as it may be repeated
 */

import { setTimeout as pause } from 'node:timers/promises';
import { QuiverError } from '../../errors.ts';
import {
  type ChangeOutcome,
  type ChangeRecord,
  type RecordChange,
  type RecordKind,
  type RecordRange,
  type RecordStore,
  rangeLimit,
  requireRecordSize,
  type SmallRecord,
} from '../record-store.ts';
import { newVersion } from './cells.ts';
import type { ScriptReply } from './cluster-node.ts';
import type { Argument } from './command-bytes.ts';
import { addRecords, changeRecords, removeRecords, replaceRecord } from './lua-scripts.ts';
import { ACCESS_MS, BUDGET_MS, latest, type RedisCluster } from './redis-cluster.ts';
import type { Script } from './script.ts';

/**
 * A change reads before it writes, and a request checks access before that; together they must end
 * in time.
 */
const CHANGE_ACCESS_MS = 1200;
/** How long an operation is remembered, in milliseconds; longer than it may be repeated. */
const NOTE_MS = 20_000;
/** The longest pause before a change starts over, in milliseconds. */
const PAUSE_MS = 20;
/** How many values one read requests. */
const READ_AT_ONCE = 500;

export class RedisRecordStore implements RecordStore {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  async get(kind: RecordKind, owner: string, key: string): Promise<string | undefined> {
    return this.#get(kind, owner, key, latest(readMs(kind)));
  }

  async range(kind: RecordKind, owner: string, range: RecordRange = {}): Promise<SmallRecord[]> {
    const until = latest(readMs(kind));
    const page = ['LIMIT', 0, rangeLimit(range)] as const;
    const order = this.#key('record-order', kind, owner);
    const keys = await this.#cluster.read<Buffer[]>(until, order, 'ZRANGEBYLEX', ...edgesOf(range), ...page);
    const records: SmallRecord[] = [];
    for (let at = 0; at < keys.length; at += READ_AT_ONCE) {
      const some = keys.slice(at, at + READ_AT_ONCE);
      const hash = this.#key('records', kind, owner);
      const values = await this.#cluster.read<(Buffer | null)[]>(until, hash, 'HMGET', ...some);
      // Records removed since the keys were read are omitted.
      for (const [place, value] of values.entries()) {
        if (value) records.push({ key: String(some[place]), value: String(value) });
      }
    }
    return records;
  }

  async change(kind: RecordKind, owner: string, key: string, change: ChangeRecord): Promise<ChangeOutcome> {
    const until = latest(kind.purpose === 'access' ? CHANGE_ACCESS_MS : BUDGET_MS);
    for (;;) {
      const kept = await this.#get(kind, owner, key, until);
      const value = change(kept);
      requireRecordSize(owner, { key, ...(value !== undefined && { value }) });
      if (value === kept) return 'unchanged';
      const args = [key, marked(kept), marked(value), kind.most ?? 0, kind.keptMs ?? 0];
      const [status] = await this.#write(replaceRecord, kind, owner, args, until);
      if (String(status) === 'done') return 'changed';
      if (String(status) === 'full') return 'full';
      if (Date.now() + PAUSE_MS > until) throw contended();
      await pause(Math.random() * PAUSE_MS);
    }
  }

  async add(kind: RecordKind, owner: string, records: readonly SmallRecord[]): Promise<number> {
    for (const record of records) requireRecordSize(owner, record);
    if (records.length === 0) return 0;
    const args = [kind.most ?? 0, kind.keptMs ?? 0, ...records.flatMap(({ key, value }) => [key, value])];
    const [, added] = await this.#write(addRecords, kind, owner, args);
    return Number(added);
  }

  async changeTogether(
    kind: RecordKind,
    owner: string,
    guard: RecordChange,
    changes: readonly RecordChange[],
  ): Promise<boolean> {
    for (const { key, value } of changes) {
      requireRecordSize(owner, { key, ...(value !== undefined && { value }) });
    }
    const pairs = changes.flatMap(({ key, value }) => [key, marked(value)]);
    const args = [guard.key, marked(guard.value), ...pairs];
    const [status] = await this.#write(changeRecords, kind, owner, args);
    return String(status) === 'done';
  }

  async remove(kind: RecordKind, owner: string, range: RecordRange = {}): Promise<number> {
    const [, removed] = await this.#write(removeRecords, kind, owner, [...edgesOf(range), rangeLimit(range)]);
    return Number(removed);
  }

  /** Knowing the count would take a round trip. */
  counter(): undefined {
    return undefined;
  }

  async #get(kind: RecordKind, owner: string, key: string, until: number): Promise<string | undefined> {
    const hash = this.#key('records', kind, owner);
    const value = await this.#cluster.read<Buffer | null>(until, hash, 'HGET', key);
    return value === null ? undefined : String(value);
  }

  #write(
    script: Script,
    kind: RecordKind,
    owner: string,
    args: readonly Argument[],
    until = latest(),
  ): Promise<ScriptReply> {
    const keys = [
      ...(['records', 'record-order', 'record-due'] as const).map((what) => this.#key(what, kind, owner)),
      `${this.#key('record-note', kind, owner)}:${newVersion()}`,
    ];
    return this.#cluster.write({ script, keys, args: [NOTE_MS, ...args] }, until);
  }

  #key(what: string, { name }: RecordKind, owner: string): string {
    return `${this.#prefix}:${what}:{${name}/${owner}}`;
  }
}

function readMs({ purpose }: RecordKind): number {
  return purpose === 'access' ? ACCESS_MS : BUDGET_MS;
}

/**
 * A value as `replace-record.lua` expects it, which distinguishes a missing record from an empty
 * one.
 */
function marked(value: string | undefined): string {
  return value === undefined ? '' : `=${value}`;
}

/** A range as `ZRANGEBYLEX` expects it. */
function edgesOf({ from = '', before }: RecordRange): [string, string] {
  return [`[${from}`, before === undefined ? '+' : `(${before}`];
}

function contended(): QuiverError {
  return new QuiverError('not-done', 'The record is being changed by others; send it again', {
    headers: { 'retry-after': '1' },
  });
}
