/**
 * Batches in a Redis or Valkey Cluster. A client's queue is in one slot and the profiles of its
 * rows are in many, so a step consists of several scripts:
 *
 *   read      the lease and the batch must be as the step expects, otherwise it is out of turn
 *   rows      each is applied together with its mark in the profile (`cells.ts`), in file order
 *             within a profile. After a crash the step is repeated; rows with a mark are counted,
 *             not applied again
 *   progress  one script changes batch, failed rows and lease, if they are as they were read.
 *             Otherwise it is out of turn, and the holder of the lease applies the step again
 *
 * Keys, all with the client as hash tag: `batches` (a hash: `last`, the last turn; `#id`, its turn;
 * turn, the batch), `batch-queue` and `batch-turns` (sorted sets of turns, unfinished ones and
 * all), `batch-lease`, `batch-failures:<turn>` (a sorted set by line).
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { IdKind } from '../../domain/visitor-id.ts';
import { QuiverError } from '../../errors.ts';
import type { RowCollector, RowUpdate } from '../batch-rows.ts';
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
import { busy, type LocatedCells, newVersion } from './cells.ts';
import { changeBatch, changeLease, dropFailures, expireBatch } from './lua-scripts.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';
import type { RedisRowWriter } from './redis-row-writer.ts';
import { foreignMarks, queueMarks } from './row-marks.ts';

/** A batch as it is stored, and its text. */
interface StoredBatch extends Batch {
  /**
   * Its retention time is over, and its failed rows are being removed; readers no longer see it.
   */
  readonly isLeaving?: boolean;
}

interface Turned {
  readonly turn: string;
  readonly text: string;
  readonly batch: StoredBatch;
}

interface Lease {
  readonly holder: string;
  readonly until: number;
}

/** What {@link RedisBatchStore} writes together with the batch. */
interface Beside {
  readonly newId?: string;
  readonly leavesQueue?: boolean;
  readonly lease?: { readonly from: string; readonly to: string };
  readonly failures?: readonly FailedRow[];
}

/** How long an operation is remembered, in milliseconds; longer than it may be repeated. */
const NOTE_KEPT_MS = 20_000;
const LISTED_AT_ONCE = 100;

/** How many clients' queues are read at the same time. */
const ASKED_AT_ONCE = 100;

export class RedisBatchStore implements BatchStore {
  readonly #cluster: RedisCluster;
  readonly #rowWriter: RedisRowWriter;
  readonly #prefix: string;
  /** By client, because a runner requests the next step before the last one has ended. */
  readonly #lastSteps = new Map<string, Promise<void>>();
  /** The last batch that creates profiles, so that no row of it can be without one. */
  #creating: string | undefined;

  constructor(cluster: RedisCluster, rowWriter: RedisRowWriter, prefix: string) {
    this.#cluster = cluster;
    this.#rowWriter = rowWriter;
    this.#prefix = prefix;
  }

  async accept(batch: AcceptedBatch): Promise<void> {
    const { client, id } = batch;
    const waiting = waitingBatch(batch);
    await untilDone(async () => {
      const [last, present] = await this.#fields(client, 'last', `#${id}`);
      if (present) throw new RangeError(`there is a batch ${id} already`);
      const turn = String(Number(last ?? 0) + 1);
      return (await this.#change({ turn, text: '' }, waiting, { newId: id })) ? true : undefined;
    });
  }

  async find(client: string, id: string): Promise<Batch | undefined> {
    return (await this.#turned(client, id))?.batch;
  }

  async list(client: string, limit: number): Promise<Batch[]> {
    const found: Batch[] = [];
    for (let from = 0; found.length < limit; from += LISTED_AT_ONCE) {
      const range = ['ZREVRANGE', from, from + LISTED_AT_ONCE - 1] as const;
      const turns = await this.#cluster.read<Buffer[]>(latest(), this.#key('batch-turns', client), ...range);
      if (turns.length === 0) break;
      for (const { batch } of await this.#load(client, turns.map(String))) {
        if (!batch.isLeaving && found.length < limit) found.push(batch);
      }
    }
    return found;
  }

  async queued(clients: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    for (let from = 0; from < clients.length; from += ASKED_AT_ONCE) {
      const some = clients.slice(from, from + ASKED_AT_ONCE);
      const exist = await Promise.all(
        some.map((client) =>
          this.#cluster.read<number>(latest(), this.#key('batch-queue', client), 'EXISTS'),
        ),
      );
      found.push(...some.filter((_, at) => exist[at] === 1));
    }
    return found;
  }

  async next(client: string): Promise<Batch | undefined> {
    const key = this.#key('batch-queue', client);
    const [turn] = await this.#cluster.read<Buffer[]>(latest(), key, 'ZRANGE', 0, 0);
    if (!turn) return undefined;
    const [found] = await this.#load(client, [String(turn)]);
    // It may have been completed in between.
    return found?.batch.state === 'complete' ? this.next(client) : found?.batch;
  }

  lease(client: string, holder: string, now: number, until: number): Promise<boolean> {
    return untilDone(async () => {
      const text = await this.#leaseText(client);
      const lease = parsedLease(text);
      if (lease && lease.holder !== holder && lease.until > now) return false;
      return (await this.#changeLease(client, text, leaseText(holder, until))) ? true : undefined;
    });
  }

  async release(client: string, holder: string): Promise<void> {
    await untilDone(async () => {
      const text = await this.#leaseText(client);
      if (parsedLease(text)?.holder !== holder) return true;
      return (await this.#changeLease(client, text, '')) ? true : undefined;
    });
  }

  collector(kind: IdKind, columns: readonly string[]): RowCollector {
    return new PlainRows(kind, columns);
  }

  apply(step: BatchStep): Promise<Batch | 'out-of-turn'> {
    const before = this.#lastSteps.get(step.client) ?? Promise.resolve();
    const rows = Array.from(step.updates);
    // Redis would have nothing to do while this process parses what was read, and the reverse.
    const ahead = this.#creating === step.id ? this.#rowWriter.readAhead(step.client, rows) : undefined;
    const applied = before
      .then(async () => this.#apply(step, rows, await ahead))
      .catch((error: unknown) => {
        const isOut = error instanceof QuiverError && error.status === 503;
        throw isOut ? new QuiverError('unavailable', error.message, { cause: error }) : error;
      });
    const settled = applied.then(
      () => undefined,
      () => undefined,
    );
    this.#lastSteps.set(step.client, settled);
    return applied;
  }

  async #apply(
    step: BatchStep,
    rows: readonly RowUpdate[],
    ahead: readonly LocatedCells[] | undefined,
  ): Promise<Batch | 'out-of-turn'> {
    const { client, holder, leaseUntil, moment } = step;
    const [found, lease] = await Promise.all([this.#turned(client, step.id), this.#leaseText(client)]);
    const isOurs = parsedLease(lease)?.holder === holder;
    if (!found || !isOurs || !isAtStep(found.batch, step)) return 'out-of-turn';

    const create = found.batch.version === 'v2';
    if (create) this.#creating = step.id;
    const marks = queueMarks(found.turn);
    const outcomes = await this.#rowWriter.apply(client, rows, marks, moment, create, ahead);
    const unapplied = rows.flatMap((row, index) => {
      const outcome = outcomes[index]!;
      return outcome === 'applied' ? [] : [unappliedRow(row, outcome)];
    });
    const applied = batchAfter(found.batch, step, unapplied);
    const isDone = await this.#change(found, applied, {
      leavesQueue: step.isLast,
      // If it was extended in the meantime, it is still held.
      lease: { from: await this.#ownLease(client, holder), to: leaseText(holder, leaseUntil) },
      failures: [...step.failures, ...unapplied],
    });
    return isDone ? applied : 'out-of-turn';
  }

  applyForeign({ client, from, batch, acceptedAt, updates, moment }: ForeignRows): Promise<RowOutcome[]> {
    const marks = foreignMarks(from, batch, acceptedAt);
    return this.#rowWriter.apply(client, Array.from(updates), marks, moment, false);
  }

  async giveUp(client: string, id: string, reason: string): Promise<void> {
    await this.#changed(client, id, (batch) => ({ ...batch, state: 'stuck', reason }));
  }

  retry(client: string, id: string): Promise<boolean> {
    return this.#changed(client, id, (batch) =>
      batch.state === 'stuck' ? { ...batch, state: 'running', reason: undefined } : undefined,
    );
  }

  async failures(client: string, id: string, fromLine: number, limit: number): Promise<FailedRow[]> {
    const found = await this.#turned(client, id);
    if (!found) return [];
    const key = this.#failuresKey(client, found.turn);
    const range = ['ZRANGEBYSCORE', fromLine, '+inf', 'LIMIT', 0, limit] as const;
    const rows = await this.#cluster.read<Buffer[]>(latest(), key, ...range);
    return rows.map((row) => JSON.parse(String(row)) as FailedRow);
  }

  async dropFailures(client: string, id: string, lines: readonly number[]): Promise<void> {
    const found = await this.#turned(client, id);
    if (!found || lines.length === 0) return;
    await this.#cluster.write({
      script: dropFailures,
      keys: [this.#failuresKey(client, found.turn)],
      args: [...lines],
    });
  }

  async expire(
    client: string,
    acceptedBefore: number,
    limit: number,
  ): Promise<{ gone: string[]; more: boolean }> {
    const gone: string[] = [];
    let room = limit;
    const turnsKey = this.#key('batch-turns', client);
    const turns = await this.#cluster.read<Buffer[]>(latest(), turnsKey, 'ZRANGE', 0, limit - 1);
    for (const { turn, batch } of await this.#load(client, turns.map(String))) {
      if (!batch.isLeaving && (batch.state !== 'complete' || batch.acceptedAt >= acceptedBefore)) continue;
      if (room === 0) return { gone, more: true };
      const [, count, isGone] = await this.#cluster.write({
        script: expireBatch,
        keys: [
          this.#key('batches', client),
          turnsKey,
          this.#failuresKey(client, turn),
          this.#noteKey(client),
        ],
        args: [NOTE_KEPT_MS, turn, batch.id, JSON.stringify({ ...batch, isLeaving: true }), room],
      });
      room -= Number(count);
      if (String(isGone) !== '1') return { gone, more: true };
      gone.push(batch.id);
    }
    return { gone, more: gone.length > 0 && turns.length === limit };
  }

  #changed(client: string, id: string, change: (batch: Batch) => Batch | undefined): Promise<boolean> {
    return untilDone(async () => {
      const found = await this.#turned(client, id);
      const changed = found && change(found.batch);
      if (!changed) return false;
      return (await this.#change(found, changed, {})) ? true : undefined;
    });
  }

  async #change(
    { turn, text }: Pick<Turned, 'turn' | 'text'>,
    batch: Batch,
    beside: Beside,
  ): Promise<boolean> {
    const { client } = batch;
    const { newId = '', leavesQueue = false, lease, failures = [] } = beside;
    const [status] = await this.#cluster.write({
      script: changeBatch,
      keys: [
        this.#key('batches', client),
        this.#key('batch-queue', client),
        this.#key('batch-turns', client),
        this.#key('batch-lease', client),
        this.#failuresKey(client, turn),
        this.#noteKey(client),
      ],
      args: [
        NOTE_KEPT_MS,
        turn,
        text,
        JSON.stringify(batch),
        newId,
        leavesQueue ? '1' : '',
        lease?.from ?? '',
        lease?.to ?? '',
        ...failures.flatMap((row) => [row.line, JSON.stringify(row)]),
      ],
    });
    return String(status) === 'done';
  }

  async #changeLease(client: string, from: string, to: string): Promise<boolean> {
    const keys = [this.#key('batch-lease', client)];
    const [status] = await this.#cluster.write({ script: changeLease, keys, args: [from, to] });
    return String(status) === 'done';
  }

  async #turned(client: string, id: string): Promise<Turned | undefined> {
    const [turn] = await this.#fields(client, `#${id}`);
    return turn ? (await this.#load(client, [String(turn)]))[0] : undefined;
  }

  async #load(client: string, turns: readonly string[]): Promise<Turned[]> {
    if (turns.length === 0) return [];
    const texts = await this.#fields(client, ...turns);
    return turns.flatMap((turn, index) => {
      const text = texts[index];
      return text ? [{ turn, text: String(text), batch: parsedBatch(String(text)) }] : [];
    });
  }

  #fields(client: string, ...names: string[]): Promise<(Buffer | null)[]> {
    return this.#cluster.read<(Buffer | null)[]>(latest(), this.#key('batches', client), 'HMGET', ...names);
  }

  async #leaseText(client: string): Promise<string> {
    return String(
      (await this.#cluster.read<Buffer | null>(latest(), this.#key('batch-lease', client), 'GET')) ?? '',
    );
  }

  /** The current lease if `holder` has it; otherwise a text that no lease has. */
  async #ownLease(client: string, holder: string): Promise<string> {
    const text = await this.#leaseText(client);
    return parsedLease(text)?.holder === holder ? text : 'lost';
  }

  #key(what: string, client: string): string {
    return `${this.#prefix}:${what}:{${client}}`;
  }

  #failuresKey(client: string, turn: string): string {
    return `${this.#key('batch-failures', client)}:${turn}`;
  }

  #noteKey(client: string): string {
    return `${this.#key('batch-note', client)}:${newVersion()}`;
  }
}

/** JSON omits undefined members. */
function parsedBatch(text: string): StoredBatch {
  const { startedAt, finishedAt, reason, ...rest } = JSON.parse(text) as StoredBatch;
  return { ...rest, startedAt, finishedAt, reason };
}

function parsedLease(text: string): Lease | undefined {
  return text === '' ? undefined : (JSON.parse(text) as Lease);
}

/** Unique, so that a repeated change is recognized as done. */
function leaseText(holder: string, until: number): string {
  return JSON.stringify({ holder, until, version: newVersion() });
}

/** Repeats an attempt while other processes win. */
async function untilDone<Result>(attempt: () => Promise<Result | undefined>): Promise<Result> {
  const until = latest();
  for (let wait = 2; Date.now() < until; wait = Math.min(2 * wait, 100)) {
    const result = await attempt();
    if (result !== undefined) return result;
    await pause(wait * Math.random());
  }
  throw busy();
}
