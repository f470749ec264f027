/**
 * Applies accepted batches in the background (spec section 6).
 *
 * A loop a client, so that two clients go side by side. In each:
 *
 *   idle      nothing is queued, or another process holds the client's lease   a new batch, or a look every second → working
 *   working   the lease is ours; rows go in steps, each applied together with  the queue is empty → idle
 *             the batch's progress and prolonging the lease                    out of turn → idle; a step fails → waiting
 *   waiting   the step failed; nothing of it was applied, or all of it was     after a pause → working, where the progress says
 *                                                                              third failure of one step → the batch is stuck → idle
 *
 * The progress lies in the store, never here: whichever process comes next, after a crash or a lost lease, reads it and goes on. What
 * was traded: a batch of a slow client is not hurried by idle workers, for files of a client must apply in order.
 */

import { setTimeout } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { BatchRows } from '../storage/batch-rows.ts';
import type { Batch, BatchStep, BatchStore, FailedRow, RowUpdate } from '../storage/batch-store.ts';
import type { BatchFiles } from './batch-files.ts';
import type { BatchRow } from './batch-format.ts';
import { BatchReader, readBatch } from './batch-reader.ts';
import type { ResumePoint } from './line-reader.ts';

export interface BatchRunnerParts {
  readonly batches: BatchStore;
  readonly files: BatchFiles;
  readonly clients: readonly string[];
  /** Tells this process from all others. */
  readonly holder: string;
  readonly lifetimeDays: (client: string) => number;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Pauses after the first and the second failure of a step, in milliseconds; 1 s and 5 s by default. */
  readonly pauses?: readonly number[];
}

const ROWS_PER_STEP = 1000;
/**
 * How long a process that died keeps others from its batch, in milliseconds. A step that takes longer costs nothing but the work
 * of the next one, for the store refuses what is out of turn.
 */
const LEASE = 2000;
/** How often an idle loop looks at its queue, in milliseconds. */
const LOOK_EVERY = 1000;
const PAUSES = [1000, 5000];

export class BatchRunner {
  readonly #parts: BatchRunnerParts;
  readonly #wakers = new Map<string, () => void>();
  readonly #stopped = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(parts: BatchRunnerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loops = this.#parts.clients.map((client) => this.#watch(client));
  }

  /** Says that a batch of the client was queued, so that it need not wait for the next look. */
  wake(client: string): void {
    this.#wakers.get(client)?.();
  }

  /** Stops after the step under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const wake of this.#wakers.values()) wake();
    await Promise.all(this.#loops);
  }

  async #watch(client: string): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const due = this.#pause(client, LOOK_EVERY);
      try {
        await this.#workOff(client);
      } catch (error) {
        this.#parts.log.error({ err: error, client }, 'the queue of batches could not be read');
      }
      await due;
    }
  }

  /** Applies all that is queued for a client while the lease is ours. */
  async #workOff(client: string): Promise<void> {
    const { batches, holder, now } = this.#parts;
    for (;;) {
      const batch = await batches.next(client);
      if (!batch || batch.state === 'stuck' || this.#stopped.signal.aborted) break;
      if (!(await batches.lease(client, holder, now(), now() + LEASE))) return;
      const isDone = await this.#run(batch);
      if (!isDone) break;
    }
    await batches.release(client, holder);
  }

  /** Runs one batch to its end. False when it is not at its end: stopped, out of turn, or stuck. */
  async #run(batch: Batch): Promise<boolean> {
    const pauses = this.#parts.pauses ?? PAUSES;
    const { client, id } = batch;
    let current: Batch | undefined = batch;
    let consumedAtFailure = -1;
    for (let failures = 0; current && current.state !== 'complete'; ) {
      try {
        current = await this.#runOn(current);
      } catch (error) {
        const { consumed } = ((await this.#reload(client, id)) ?? batch).progress;
        failures = consumed === consumedAtFailure ? failures + 1 : 1;
        consumedAtFailure = consumed;
        this.#parts.log.error({ err: error, client, batch: id, failures }, 'a step of a batch failed');
        if (failures > pauses.length) return this.#giveUp(batch, error);
        await this.#pauseAfterFailure(pauses[failures - 1]!);
        if (this.#stopped.signal.aborted) return false;
        const until = this.#parts.now() + LEASE;
        if (!(await this.#parts.batches.lease(client, this.#parts.holder, this.#parts.now(), until)))
          return false;
        current = await this.#reload(client, id);
      }
    }
    if (current && current.progress.failed + current.progress.notFound === 0)
      await this.#parts.files.remove(id);
    return current !== undefined;
  }

  async #giveUp({ client, id }: Batch, error: unknown): Promise<false> {
    const reason = error instanceof Error ? error.message : String(error);
    await this.#parts.batches.giveUp(client, id, reason);
    return false;
  }

  /** What the store says of the batch; undefined when it cannot be asked just now. */
  async #reload(client: string, id: string): Promise<Batch | undefined> {
    return this.#parts.batches.find(client, id).catch(() => undefined);
  }

  /** Applies rows from where the progress is. @returns the completed batch; undefined when stopped or out of turn */
  async #runOn(batch: Batch): Promise<Batch | undefined> {
    const { files, batches } = this.#parts;
    const from = await this.#resumePoint(batch);
    if (batch.rows === batch.progress.consumed) return this.#inTurn(batches.apply(this.#step(batch, [])));
    let current = batch;
    // A step is read while the one before it is on its way to the disk.
    let pending: Promise<Batch | 'out-of-turn'> | undefined;
    const rowsOf = readBatch(files.readFrom(batch.id, from.cursor.offset), {
      from,
      rowsPerStep: ROWS_PER_STEP,
    });
    try {
      for await (const rows of rowsOf) {
        const applied: Batch | undefined = pending === undefined ? current : await this.#inTurn(pending);
        pending = undefined;
        if (!applied || this.#stopped.signal.aborted) return undefined;
        current = applied;
        pending = batches.apply(this.#step(current, rows));
        // It may fail while the next rows are read; it is awaited only after that.
        pending.catch(() => undefined);
      }
      const last = pending === undefined ? undefined : await this.#inTurn(pending);
      pending = undefined;
      if (last && last.state !== 'complete') {
        throw new RangeError(`the file ends after ${last.progress.consumed} of ${batch.rows} rows`);
      }
      return last;
    } finally {
      // Whatever ends the loop, no step is left unawaited.
      await pending?.catch(() => undefined);
    }
  }

  async #inTurn(applying: Promise<Batch | 'out-of-turn'>): Promise<Batch | undefined> {
    const applied = await applying;
    return applied === 'out-of-turn' ? undefined : applied;
  }

  /** The header is read anew, the rows from where the progress is. */
  async #resumePoint({ id, progress }: Batch): Promise<ResumePoint> {
    const reader = new BatchReader();
    for await (const chunk of this.#parts.files.readFrom(id, 0)) {
      reader.push(chunk);
      if (reader.header) break;
    }
    if (!reader.header) reader.end();
    const header = reader.header!;
    if (progress.consumed === 0) return { header, cursor: header.end };
    return { header, cursor: { offset: progress.offset, line: progress.line, rows: progress.consumed } };
  }

  #step({ client, id, progress, rows: size }: Batch, rows: readonly BatchRow[]): BatchStep {
    const { holder, now, lifetimeDays } = this.#parts;
    const updates: RowUpdate[] = [];
    const failures: FailedRow[] = [];
    for (const row of rows) {
      if (row.kind === 'update') updates.push(row);
      else if (row.kind === 'failed') {
        const { line, start, next, reason } = row;
        failures.push({ line, id: row.rawId, reason, notFound: false, start, next });
      }
    }
    const last = rows.at(-1);
    const consumed = progress.consumed + rows.length;
    return {
      client,
      id,
      holder,
      leaseUntil: now() + LEASE,
      consumedBefore: progress.consumed,
      updates: BatchRows.of(updates, now()),
      failures,
      after: last
        ? { offset: last.next, line: last.line + 1, consumed }
        : { offset: progress.offset, line: progress.line, consumed },
      isLast: consumed === size,
      moment: { now: now(), lifetimeDays: lifetimeDays(client) },
    };
  }

  /** Waits for a time or for the end; a new batch mends no failure, so it cuts nothing short. */
  #pauseAfterFailure(ms: number): Promise<void> {
    return setTimeout(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }

  /** Waits for a time, for a new batch of the client, or for the end. */
  #pause(client: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = globalThis.setTimeout(wake, ms);
      this.#wakers.set(client, wake);
      if (this.#stopped.signal.aborted) wake();
    });
  }
}
