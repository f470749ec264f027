/**
 * Batches in LMDB. The progress of a batch is written in the same transaction as the rows that it
 * counts. Long because one class implements every method of the storage contract of batches.
 */

import { readTime, writeTime } from '../../domain/time-bytes.ts';
import type { IdKind } from '../../domain/visitor-id.ts';
import { QuiverError } from '../../errors.ts';
import type { RowCollector } from '../batch-rows.ts';
import { batchAfter, isAtStep, unappliedRow, waitingBatch } from '../batch-step.ts';
import type {
  AcceptedBatch,
  Batch,
  BatchStep,
  BatchStore,
  FailedRow,
  ForeignRows,
  RowOutcome,
} from '../batch-store.ts';
import { PlainRows } from '../plain-rows.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';
import { PackedRows } from './packed-rows.ts';
import type { ProfileTables } from './profile-tables.ts';
import { RowWriter } from './row-writer.ts';
import type { StoreUpkeep } from './store-upkeep.ts';
import { TimeSlice } from './time-slice.ts';

/** The position of a batch in the queue of its client: the number of batches before it. */
type Turn = number;
/** Greater than every turn. */
const MAX_TURN = 2 ** 48 - 1;

/** A batch as it is stored. */
interface StoredBatch extends Batch {
  /**
   * Its retention time is over, and its failed rows are being removed; readers no longer see it.
   */
  readonly isLeaving?: boolean;
}

interface Lease {
  readonly holder: string;
  readonly until: number;
}

/** The part of a step that one transaction applies: everything after the parts before it. */
interface Part {
  /** The index of its first row among the updates of the step. */
  readonly from: number;
  readonly consumedBefore: number;
  /** The first line whose failure was not counted. */
  readonly failuresFrom: number;
}

/** Greater than every line of a file. */
const END_OF_STEP = { line: Number.POSITIVE_INFINITY, offset: 0, nth: 0 };
const TURN = 6;
const LINE = 4;
const MAX_LINE = 2 ** 32 - 1;
/**
 * A client code of 64 characters, a dash, epoch milliseconds, a dash, eight digits, and some room.
 */
const MAX_ID_BYTES = 256;

export class LmdbBatchStore implements BatchStore {
  readonly #environment: LmdbEnvironment;
  readonly #rowWriter: RowWriter;
  readonly #upkeep: StoreUpkeep;
  /** client, turn → the batch */
  readonly #batches: Table;
  /** client, turn → nothing; only while the batch is not complete */
  readonly #queue: Table;
  /** client, id → turn */
  readonly #turns: Table;
  /** client, turn, line → the failed row */
  readonly #failures: Table;
  /**
   * client, time of acceptance, cluster and batch, last line → outcomes of rows of another
   * cluster's batch
   */
  readonly #foreign: Table;
  /** client → the holder of the lease on its queue */
  readonly #leases: Table;

  /** By client, because a runner requests the next step before the last one has ended. */
  readonly #lastSteps = new Map<string, Promise<unknown>>();

  constructor(environment: LmdbEnvironment, profiles: ProfileTables, upkeep: StoreUpkeep) {
    this.#environment = environment;
    this.#upkeep = upkeep;
    this.#rowWriter = new RowWriter(profiles);
    this.#batches = environment.table('batches');
    this.#queue = environment.table('batch-queue');
    this.#turns = environment.table('batch-turns');
    this.#failures = environment.table('batch-failures');
    this.#foreign = environment.table('batch-foreign');
    this.#leases = environment.table('batch-leases');
  }

  accept(batch: AcceptedBatch): Promise<void> {
    return this.#environment.write(() => {
      const { client, id } = batch;
      if (this.#turnOf(client, id) !== undefined) throw new RangeError(`there is a batch ${id} already`);
      const last = firstOf(this.#batches.getKeys({ ...clientRange(client, true), reverse: true, limit: 1 }));
      const turn = last ? readTime(last, last.length - TURN) + 1 : 1;
      this.#turns.putSync(idKey(client, id), turnBytes(turn));
      this.#queue.putSync(turnKey(client, turn), Buffer.alloc(0));
      this.#save(turn, waitingBatch(batch));
    });
  }

  async find(client: string, id: string): Promise<Batch | undefined> {
    return this.#environment.read(() => {
      const turn = this.#turnOf(client, id);
      return turn === undefined ? undefined : this.#load(client, turn);
    });
  }

  async list(client: string, limit: number): Promise<Batch[]> {
    return this.#environment.read(() => {
      const found: Batch[] = [];
      for (const { value } of this.#batches.getRange({ ...clientRange(client, true), reverse: true })) {
        if (found.length === limit) break;
        const batch = parse<StoredBatch>(value);
        if (!batch.isLeaving) found.push(batch);
      }
      return found;
    });
  }

  async queued(clients: readonly string[]): Promise<string[]> {
    const known = new Set(clients);
    return this.#environment.read(() => {
      const found: string[] = [];
      let key = firstOf(this.#queue.getKeys({ limit: 1 }));
      while (key !== undefined) {
        const client = key.toString('utf8', 1, key.length - TURN);
        if (known.has(client)) found.push(client);
        key = firstOf(this.#queue.getKeys({ start: turnKey(client, MAX_TURN), limit: 1 }));
      }
      return found;
    });
  }

  async next(client: string): Promise<Batch | undefined> {
    return this.#environment.read(() => {
      const key = firstOf(this.#queue.getKeys({ ...clientRange(client, false), limit: 1 }));
      return key && this.#load(client, readTime(key, key.length - TURN));
    });
  }

  lease(client: string, holder: string, now: number, until: number): Promise<boolean> {
    return this.#environment.writeUpkeep(() => {
      const lease = this.#leaseOf(client);
      if (lease && lease.holder !== holder && lease.until > now) return false;
      this.#leases.putSync(Buffer.from(client), serialize({ holder, until } satisfies Lease));
      return true;
    });
  }

  async release(client: string, holder: string): Promise<void> {
    await this.#environment.writeUpkeep(() => {
      if (this.#leaseOf(client)?.holder === holder) this.#leases.removeSync(Buffer.from(client));
    });
  }

  collector(kind: IdKind, columns: readonly string[]): RowCollector {
    return new PackedRows(kind, columns);
  }

  apply(step: BatchStep): Promise<Batch | 'out-of-turn'> {
    const before = this.#lastSteps.get(step.client) ?? Promise.resolve();
    const applied = before.then(() => this.#applyInParts(step));
    this.#lastSteps.set(
      step.client,
      applied.catch(() => undefined),
    );
    return applied;
  }

  /**
   * Each part is one transaction of a few milliseconds, which includes the progress up to its last
   * row.
   */
  async #applyInParts(step: BatchStep): Promise<Batch | 'out-of-turn'> {
    const rows = PackedRows.of(step.updates);
    let part: Part = { from: 0, consumedBefore: step.consumedBefore, failuresFrom: 0 };
    for (;;) {
      await this.#upkeep.makeRoom();
      const applied = await this.#environment.write(() => this.#applyPart(step, rows, part));
      if (applied === 'out-of-turn' || applied.rest === undefined) {
        return applied === 'out-of-turn' ? applied : applied.batch;
      }
      part = applied.rest;
    }
  }

  #applyPart(
    step: BatchStep,
    rows: PackedRows,
    { from, consumedBefore, failuresFrom }: Part,
  ): { readonly batch: Batch; readonly rest: Part | undefined } | 'out-of-turn' {
    const { client, holder, leaseUntil, moment } = step;
    const turn = this.#turnOf(client, step.id);
    const batch = turn === undefined ? undefined : this.#load(client, turn);
    const isOurs = this.#leaseOf(client)?.holder === holder;
    if (turn === undefined || !batch || !isOurs || !isAtStep(batch, { consumedBefore })) return 'out-of-turn';

    const time = new TimeSlice();
    // Rows applied elsewhere are counted once, together with the whole step.
    const isDivisible = rows.knowsPlaces && step.appliedElsewhere === 0;
    const mayGoOn = () => !isDivisible || time.isLeft();
    const { unapplied, next } = this.#rowWriter.apply(
      ...([client, rows, from, moment, batch.version === 'v2', mayGoOn] as const),
    );
    const isWhole = next === rows.length;
    const { line, offset, nth } = isWhole ? END_OF_STEP : rows.placeAfter(next - 1);
    const after = isWhole ? step.after : { offset, line, consumed: step.consumedBefore + nth };
    const failures = step.failures.filter((row) => row.line >= failuresFrom && row.line < line);
    const failedHere = unapplied.map(({ index, outcome }) => unappliedRow(rows.row(index), outcome));
    for (const failure of [...failures, ...failedHere]) {
      this.#failures.putSync(failureKey(client, turn, failure.line), serialize(failure));
    }
    const isLast = isWhole && step.isLast;
    const part = { ...step, after, failures, isLast, updates: { length: next - from } };
    const applied = batchAfter(batch, part, failedHere);
    this.#save(turn, applied);
    if (isLast) this.#queue.removeSync(turnKey(client, turn));
    this.#leases.putSync(Buffer.from(client), serialize({ holder, until: leaseUntil } satisfies Lease));
    const rest = { from: next, consumedBefore: after.consumed, failuresFrom: line };
    return { batch: applied, rest: isWhole ? undefined : rest };
  }

  applyForeign({ client, from, batch, acceptedAt, updates, moment }: ForeignRows): Promise<RowOutcome[]> {
    return this.#environment.write(() => {
      const rows = Array.from(updates);
      const known = new Map<number, RowOutcome>();
      const place = Buffer.concat([turnKey(client, acceptedAt), Buffer.from(`${from}/${batch}/`)]);
      const range = { start: lineKey(place, rows[0]!.line), end: lineKey(place, MAX_LINE) };
      for (const { value } of this.#foreign.getRange(range)) {
        for (const [line, outcome] of parse<[number, RowOutcome][]>(value)) known.set(line, outcome);
      }
      const fresh = rows.filter(({ line }) => !known.has(line));
      const packed = PackedRows.of(PlainRows.of(fresh, updates.at));
      const { unapplied: failed } = this.#rowWriter.apply(client, packed, 0, moment, false, () => true);
      const unapplied = new Map(failed.map(({ index, outcome }) => [fresh[index]!.line, outcome]));
      for (const { line } of fresh) known.set(line, unapplied.get(line) ?? 'applied');
      const key = lineKey(place, rows.at(-1)!.line);
      const before = this.#foreign.getBinary(key);
      const remembered = new Map<number, RowOutcome>(before && parse<[number, RowOutcome][]>(before));
      for (const { line } of rows) {
        const outcome = known.get(line)!;
        if (outcome !== 'not-found') remembered.set(line, outcome);
      }
      this.#foreign.putSync(key, serialize([...remembered]));
      return rows.map(({ line }) => known.get(line)!);
    });
  }

  async giveUp(client: string, id: string, reason: string): Promise<void> {
    await this.#environment.writeUpkeep(() =>
      this.#change(client, id, (batch) => ({ ...batch, state: 'stuck', reason })),
    );
  }

  retry(client: string, id: string): Promise<boolean> {
    return this.#environment.writeUpkeep(() =>
      this.#change(client, id, (batch) =>
        batch.state === 'stuck' ? { ...batch, state: 'running', reason: undefined } : undefined,
      ),
    );
  }

  async failures(client: string, id: string, fromLine: number, limit: number): Promise<FailedRow[]> {
    return this.#environment.read(() => {
      const turn = this.#turnOf(client, id);
      if (turn === undefined) return [];
      const range = { start: failureKey(client, turn, fromLine), end: turnKey(client, turn + 1), limit };
      return Array.from(this.#failures.getRange(range), ({ value }) => parse<FailedRow>(value));
    });
  }

  async dropFailures(client: string, id: string, lines: readonly number[]): Promise<void> {
    await this.#environment.writeUpkeep(() => {
      const turn = this.#turnOf(client, id);
      if (turn === undefined) return;
      for (const line of lines) this.#failures.removeSync(failureKey(client, turn, line));
    });
  }

  expire(client: string, acceptedBefore: number, limit: number): Promise<{ gone: string[]; more: boolean }> {
    return this.#environment.writeUpkeep(() => {
      const gone: string[] = [];
      let room = limit;
      const past = { start: turnKey(client, 0), end: turnKey(client, acceptedBefore), limit };
      for (const key of Array.from(this.#foreign.getKeys(past))) this.#foreign.removeSync(key);
      const oldest = Array.from(this.#batches.getRange({ ...clientRange(client, false), limit }));
      for (const { key, value } of oldest) {
        const batch = parse<StoredBatch>(value);
        if (!batch.isLeaving && (batch.state !== 'complete' || batch.acceptedAt >= acceptedBefore)) continue;
        if (room === 0) return { gone, more: true };
        const removed = this.#expireOne(key, batch, room);
        room -= removed.count;
        if (!removed.isGone) return { gone, more: true };
        gone.push(batch.id);
      }
      return { gone, more: gone.length > 0 && oldest.length === limit };
    });
  }

  /**
   * Removes as much of an expired batch as `room` allows; the batch and each failed row count as
   * one.
   */
  #expireOne(key: Buffer, batch: StoredBatch, room: number): { count: number; isGone: boolean } {
    const { client, id } = batch;
    const turn = readTime(key, key.length - TURN);
    if (!batch.isLeaving) this.#turns.removeSync(idKey(client, id));
    const range = { start: turnKey(client, turn), end: turnKey(client, turn + 1), limit: room };
    const failures = Array.from(this.#failures.getKeys(range));
    for (const failure of failures) this.#failures.removeSync(failure);
    const isGone = failures.length < room;
    if (isGone) this.#batches.removeSync(key);
    else if (!batch.isLeaving) this.#batches.putSync(key, serialize({ ...batch, isLeaving: true }));
    return { count: failures.length + (isGone ? 1 : 0), isGone };
  }

  #change(client: string, id: string, change: (batch: Batch) => Batch | undefined): boolean {
    const turn = this.#turnOf(client, id);
    const batch = turn === undefined ? undefined : this.#load(client, turn);
    const changed = batch && change(batch);
    if (turn === undefined || !changed) return false;
    this.#save(turn, changed);
    return true;
  }

  #save(turn: Turn, batch: Batch): void {
    this.#batches.putSync(turnKey(batch.client, turn), serialize(batch));
  }

  #load(client: string, turn: Turn): Batch {
    const bytes = this.#batches.getBinary(turnKey(client, turn));
    if (!bytes) throw new QuiverError('internal', 'A queued batch is not there');
    return parse<Batch>(bytes);
  }

  #turnOf(client: string, id: string): Turn | undefined {
    // Callers may ask for any id, and the engine throws if a key is too long.
    if (Buffer.byteLength(id) > MAX_ID_BYTES) return undefined;
    const bytes = this.#turns.getBinary(idKey(client, id));
    return bytes && readTime(bytes, 0);
  }

  #leaseOf(client: string): Lease | undefined {
    const bytes = this.#leases.getBinary(Buffer.from(client));
    return bytes && parse<Lease>(bytes);
  }
}

/** The client code, preceded by its length, as in the keys of profiles. */
function clientPrefix(client: string): Buffer {
  return Buffer.concat([Buffer.from([client.length]), Buffer.from(client)]);
}

function turnBytes(turn: Turn): Buffer {
  const bytes = Buffer.alloc(TURN);
  writeTime(bytes, turn, 0);
  return bytes;
}

function turnKey(client: string, turn: Turn): Buffer {
  return Buffer.concat([clientPrefix(client), turnBytes(turn)]);
}

function idKey(client: string, id: string): Buffer {
  return Buffer.concat([clientPrefix(client), Buffer.from(id)]);
}

/** The key of a line: the prefix of its batch, then the line. */
function lineKey(place: Buffer, line: number): Buffer {
  const key = Buffer.alloc(place.length + LINE);
  place.copy(key);
  key.writeUInt32BE(line, place.length);
  return key;
}

function failureKey(client: string, turn: Turn, line: number): Buffer {
  const key = Buffer.alloc(clientPrefix(client).length + TURN + LINE);
  turnKey(client, turn).copy(key);
  key.writeUInt32BE(line, key.length - LINE);
  return key;
}

/** All turns of a client. LMDB expects the ends swapped when it reads in reverse. */
function clientRange(client: string, reverse: boolean): { start: Buffer; end: Buffer } {
  const first = turnKey(client, 0);
  const last = turnKey(client, MAX_TURN);
  return reverse ? { start: last, end: first } : { start: first, end: last };
}

function firstOf<Value>(values: Iterable<Value>): Value | undefined {
  for (const value of values) return value;
  return undefined;
}

function serialize(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse<Type>(bytes: Buffer): Type {
  return JSON.parse(bytes.toString()) as Type;
}
