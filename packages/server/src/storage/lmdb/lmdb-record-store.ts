/**
 * Small records in LMDB, all in one table.
 *
 *   length of the kind, kind, length of the owner, owner, key    time of writing, then the text
 *   0, kind                                                      number of counted changes
 *
 * The count is in memory that all processes share, so each can see at once whether what it has read
 * is still current. Every write of a kind with a lifetime removes a few old records of that kind.
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
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
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';

/**
 * How many records each write examines to remove old ones; more than it can add, so no kind grows
 * without bound.
 */
const SWEPT_AT_ONCE = 8;
/** Greater than every byte of UTF-8 and than the length of every owner. */
const ABOVE = Buffer.from([0xff]);

export class LmdbRecordStore implements RecordStore {
  readonly #environment: LmdbEnvironment;
  readonly #records: Table;
  /** Where the next search for old records starts, by kind. */
  readonly #sweptTo = new Map<RecordKind, Buffer>();

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#records = environment.table('small-records');
  }

  async get(kind: RecordKind, owner: string, key: string): Promise<string | undefined> {
    const at = keyOf(kind, owner, key);
    return this.#environment.read(() => this.#valueAt(at));
  }

  async range(kind: RecordKind, owner: string, range: RecordRange = {}): Promise<SmallRecord[]> {
    const prefix = prefixOf(kind, owner).length;
    return this.#environment.read(() =>
      Array.from(this.#records.getRange(placesOf(kind, owner, range)), ({ key, value }) => ({
        key: key.toString('utf8', prefix),
        value: textOf(value),
      })),
    );
  }

  change(kind: RecordKind, owner: string, key: string, change: ChangeRecord): Promise<ChangeOutcome> {
    const at = keyOf(kind, owner, key);
    return this.#write(kind, () => {
      const kept = this.#valueAt(at);
      const value = change(kept);
      requireRecordSize(owner, { key, ...(value !== undefined && { value }) });
      if (value === kept) return 'unchanged';
      if (kept === undefined && this.#roomOf(kind, owner) < 1) return 'full';
      this.#sweep(kind);
      if (value === undefined) this.#records.removeSync(at);
      else this.#put(at, value);
      this.#count(kind, 1);
      return 'changed';
    });
  }

  add(kind: RecordKind, owner: string, records: readonly SmallRecord[]): Promise<number> {
    const fresh = records.map((record) => {
      requireRecordSize(owner, record);
      return { at: keyOf(kind, owner, record.key), value: record.value };
    });
    return this.#write(kind, () => {
      const room = this.#roomOf(kind, owner);
      this.#sweep(kind);
      let added = 0;
      for (const { at, value } of fresh) {
        if (added >= room) break;
        if (this.#records.doesExist(at)) continue;
        this.#put(at, value);
        added += 1;
      }
      this.#count(kind, added);
      return added;
    });
  }

  async changeTogether(
    kind: RecordKind,
    owner: string,
    guard: RecordChange,
    changes: readonly RecordChange[],
  ): Promise<boolean> {
    const guarded = keyOf(kind, owner, guard.key);
    const places = changes.map(({ key, value }) => {
      requireRecordSize(owner, { key, ...(value !== undefined && { value }) });
      return { at: keyOf(kind, owner, key), value };
    });
    const work = () => {
      if (this.#valueAt(guarded) !== guard.value) return false;
      for (const { at, value } of places) {
        if (value === undefined) this.#records.removeSync(at);
        else this.#put(at, value);
      }
      this.#count(kind, places.length);
      return true;
    };
    // What only frees space must work on a full disk too.
    const onlyRemoves = changes.every(({ key, value }) => value === undefined || key === guard.key);
    return onlyRemoves ? this.#environment.writeUpkeep(work) : this.#write(kind, work);
  }

  async remove(kind: RecordKind, owner: string, range: RecordRange = {}): Promise<number> {
    const places = placesOf(kind, owner, range);
    // Usually there is nothing to remove, and nothing is written then.
    const isEmpty = this.#environment.read(() => this.#records.getKeysCount({ ...places, limit: 1 }) === 0);
    if (isEmpty) return 0;
    return this.#environment.writeUpkeep(() => {
      const keys = Array.from(this.#records.getKeys(places));
      for (const key of keys) this.#records.removeSync(key);
      this.#count(kind, keys.length);
      return keys.length;
    });
  }

  counter(kind: RecordKind): (() => number) | undefined {
    if (!kind.isCounted) return undefined;
    const key = countKey(kind);
    let count = 0;
    let countedIn = -1;
    const look = (snapshot: number): number => {
      if (snapshot !== countedIn) {
        count = this.#countAt(key);
        countedIn = snapshot;
      }
      return count;
    };
    return () => this.#environment.read(look);
  }

  #write<Result>(kind: RecordKind, work: () => Result): Promise<Result> {
    return kind.purpose === 'access' ? this.#environment.writeUpkeep(work) : this.#environment.write(work);
  }

  #valueAt(at: Buffer): string | undefined {
    const bytes = this.#records.get(at);
    return bytes && textOf(bytes);
  }

  #put(at: Buffer, value: string): void {
    const bytes = Buffer.allocUnsafe(TIME_BYTES + Buffer.byteLength(value));
    writeTime(bytes, Date.now(), 0);
    bytes.write(value, TIME_BYTES, 'utf8');
    this.#records.putSync(at, bytes);
  }

  /** How many more records an owner may have. */
  #roomOf(kind: RecordKind, owner: string): number {
    if (kind.most === undefined) return Number.POSITIVE_INFINITY;
    return kind.most - this.#records.getKeysCount(placesOf(kind, owner, { limit: kind.most }));
  }

  /** Removes old records of a kind, examining the next few with each call. */
  #sweep(kind: RecordKind): void {
    if (kind.keptMs === undefined) return;
    const prefix = kindPrefix(kind);
    const start = this.#sweptTo.get(kind) ?? prefix;
    const end = Buffer.concat([prefix, ABOVE]);
    const before = Date.now() - kind.keptMs;
    const looked = Array.from(
      this.#records.getRange({ start, end, limit: SWEPT_AT_ONCE }),
      ({ key, value }) => ({ key, isOld: readTime(value, 0) < before }),
    );
    for (const { key, isOld } of looked) if (isOld) this.#records.removeSync(key);
    const last = looked.length < SWEPT_AT_ONCE ? undefined : looked.at(-1)!.key;
    this.#sweptTo.set(kind, last ? Buffer.concat([last, Buffer.alloc(1)]) : prefix);
  }

  #count(kind: RecordKind, changes: number): void {
    if (!kind.isCounted || changes === 0) return;
    const key = countKey(kind);
    const bytes = Buffer.alloc(TIME_BYTES);
    writeTime(bytes, this.#countAt(key) + changes, 0);
    this.#records.putSync(key, bytes);
  }

  #countAt(key: Buffer): number {
    const bytes = this.#records.get(key);
    return bytes ? readTime(bytes, 0) : 0;
  }
}

function textOf(value: Buffer): string {
  return value.toString('utf8', TIME_BYTES);
}

function countKey({ name }: RecordKind): Buffer {
  return Buffer.concat([Buffer.alloc(1), Buffer.from(name)]);
}

function kindPrefix({ name }: RecordKind): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name)]);
}

function prefixOf(kind: RecordKind, owner: string): Buffer {
  const bytes = Buffer.from(owner);
  return Buffer.concat([kindPrefix(kind), Buffer.from([bytes.length]), bytes]);
}

/** @throws RangeError when the names are too long for a key */
function keyOf(kind: RecordKind, owner: string, key: string): Buffer {
  requireRecordSize(owner, { key });
  return Buffer.concat([prefixOf(kind, owner), Buffer.from(key)]);
}

/** The key range of a range of records. */
function placesOf(kind: RecordKind, owner: string, range: RecordRange) {
  const { from = '', before } = range;
  const end = before === undefined ? ABOVE : Buffer.from(before);
  return {
    start: keyOf(kind, owner, from),
    end: Buffer.concat([prefixOf(kind, owner), end]),
    limit: rangeLimit(range),
  };
}
