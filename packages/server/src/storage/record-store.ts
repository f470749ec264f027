/**
 * The storage contract of small records: settings, counts, names, and whatever else a feature keeps
 * beside profiles and batches. An engine implements it once (`lmdb/lmdb-record-store.ts`,
 * `redis/redis-record-store.ts`), and a feature builds its own store on it (`kept/` has examples).
 *
 * A record is a text, usually JSON, found by three names: its {@link RecordKind kind}, its owner
 * (usually a client) and its key. What every engine promises:
 *
 * - Each method is atomic and returns when its change is durable. Every process that opens the same
 *   store reads it from then on. Methods of one owner are ordered; there is no order across owners.
 * - Each throws a `QuiverError` with the code `not-done` (nothing changed), `unknown` (it may have
 *   been done), `insufficient-storage` (nothing changed) or `unavailable` (a read that failed).
 * - Keys are ordered by their UTF-8 bytes.
 * - A record of a kind with {@link RecordKind.keptMs} stays for at least that long after its last
 *   write, by the clock of the engine, and is freed some time later. A reader who needs an exact
 *   end keeps the time in the record and compares.
 * - Nothing is kept without bounds: {@link RecordKind.most} limits the records of one owner, and
 *   `MAX_…` below limit their size. A RangeError means that a caller exceeded one of those.
 *
 * It is not meant for records that change with every request, large files, or searches across
 * owners. Redis takes two round trips to change a record, and starts again if another process has
 * changed it in between.
 *
 * A new kind of record needs three things:
 *
 * ```
 * const WEBHOOKS: RecordKind = { name: 'webhooks', owner: 'client', purpose: 'ordinary', most: 100
 * }; await records.change(WEBHOOKS, client, id, (kept) => kept ?? JSON.stringify(webhook)); const
 * all = await records.range(WEBHOOKS, client);
 * ```
 *
 * `conformance/record-store-conformance.ts` tests every engine against this.
 */

/** One kind of record, as its store declares it: one constant for each kind. */
export interface RecordKind {
  /** `[a-z-]`, 1 to 32 characters. Unique, and part of the stored format: it never changes. */
  readonly name: string;
  /** Whose records these are: an owner is the code of a `client`, or any text of the `server`'s. */
  readonly owner: 'client' | 'server';
  /**
   * `access` is for records that decide who may do what. They are written even when disk space is
   * low, and must be read quickly, because a request needs them before its own work.
   */
  readonly purpose: 'ordinary' | 'access';
  /** How many records one owner may have; unlimited by default. */
  readonly most?: number;
  /** How long a record is kept after its last write, in milliseconds; forever by default. */
  readonly keptMs?: number;
  /** Whether changes of this kind are counted, see {@link RecordStore.counter}; not by default. */
  readonly isCounted?: boolean;
}

export const MAX_OWNER_BYTES = 250;
export const MAX_KEY_BYTES = 1024;
export const MAX_RECORD_BYTES = 1024 * 1024;
/** How many records {@link RecordStore.range} returns and {@link RecordStore.remove} removes. */
export const MAX_RANGE = 10_000;

export interface SmallRecord {
  readonly key: string;
  readonly value: string;
}

/** Keys from `from` (included) to `before` (excluded); all of an owner's by default. */
export interface RecordRange {
  readonly from?: string;
  readonly before?: string;
  /** How many records, the first ones; {@link MAX_RANGE} by default, and never more. */
  readonly limit?: number;
}

/**
 * Computes the new value of a record. It receives the value, undefined when there is none, and
 * returns the new value, undefined to remove the record, or the same value to leave it unchanged.
 *
 * It may be called several times, on some engines inside a transaction, so it must be quick, await
 * nothing and have no side effects. Only the result of the last call counts. If it throws, nothing
 * changes, and the caller of {@link RecordStore.change} gets the error.
 */
export type ChangeRecord = (value: string | undefined) => string | undefined;

/** `full`: the owner has as many records as the kind allows; nothing was changed. */
export type ChangeOutcome = 'changed' | 'unchanged' | 'full';

/** A record as it should be from now on. */
export interface RecordChange {
  readonly key: string;
  /** Undefined removes the record. */
  readonly value: string | undefined;
}

export interface RecordStore {
  /** The value of a record; undefined when there is none. */
  get(kind: RecordKind, owner: string, key: string): Promise<string | undefined>;

  /** The records of an owner, in the order of their keys. */
  range(kind: RecordKind, owner: string, range?: RecordRange): Promise<SmallRecord[]>;

  /**
   * Reads a record and replaces it in one step; no other change can come in between.
   *
   * @throws QuiverError `not-done` too when other processes kept changing the record
   */
  change(kind: RecordKind, owner: string, key: string, change: ChangeRecord): Promise<ChangeOutcome>;

  /**
   * Adds records whose keys the owner does not have yet, in the order given, as long as the kind
   * allows more. Records that exist stay as they are.
   *
   * @returns how many were added
   */
  add(kind: RecordKind, owner: string, records: readonly SmallRecord[]): Promise<number>;

  /**
   * Changes several records of an owner in one step, if one of them still has the value that was
   * read. Only for kinds that have no limit and no lifetime.
   *
   * @param guard the record that must be as it was read; undefined when there was none
   * @param changes its key may be among them; no key twice
   * @returns false when the guard has another value; nothing was changed then
   */
  changeTogether(
    kind: RecordKind,
    owner: string,
    guard: RecordChange,
    changes: readonly RecordChange[],
  ): Promise<boolean>;

  /** Removes records. @returns how many */
  remove(kind: RecordKind, owner: string, range?: RecordRange): Promise<number>;

  /**
   * A function that returns the number of changes that all processes have made to records of a kind
   * that {@link RecordKind.isCounted is counted}. It only reads memory. A record that was read
   * after the count is current as long as the count stays the same.
   *
   * Undefined when the engine would need a round trip, and for a kind that is not counted.
   */
  counter(kind: RecordKind): (() => number) | undefined;
}

/** @throws RangeError when a name or a value is longer than a store takes */
export function requireRecordSize(owner: string, { key, value = '' }: Partial<SmallRecord>): void {
  if (Buffer.byteLength(owner) > MAX_OWNER_BYTES) throw new RangeError('the owner of a record is too long');
  if (key !== undefined && Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new RangeError('the key of a record is too long');
  if (Buffer.byteLength(value) > MAX_RECORD_BYTES) throw new RangeError('a record is too large');
}

/** How many records a range asks for. */
export function rangeLimit({ limit = MAX_RANGE }: RecordRange): number {
  return Math.min(limit, MAX_RANGE);
}
