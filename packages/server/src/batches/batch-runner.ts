/**
 * Applies accepted batches in the background (contract section 6).
 *
 * Clients are handled in parallel, and the batches of each client in order. All queues are checked
 * together, once a second, because there may be thousands of idle clients. Each client is
 *
 * idle      nothing is queued, or another process has the client's lease; a new batch, or the check
 *           that finds one → working
 * working   we have the lease; rows are applied in steps, each together with the batch's progress
 *           and an extension of the lease; the queue is empty → idle; out of turn → idle; a step
 *           fails → waiting
 * waiting   the step failed; nothing of it was applied, or everything; after a pause → working,
 *           from the stored progress; the third failure of a step → the batch is stuck → idle.
 *           While the store or another cluster is unavailable, it waits without limit
 *
 * The progress is in the store, never here: after a crash or a lost lease the next process reads it
 * and continues. The price: idle workers cannot speed up one client, because its files must be
 * applied in order.
 */

import { setTimeout } from 'node:timers/promises';
import { isScriptName } from '../domain/attribute-name.ts';
import type { ClientRules } from '../domain/client-rules.ts';
import type { WriteRules } from '../domain/lifetime.ts';
import type { IdKind, VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type { BatchFileStore } from '../storage/batch-file-store.ts';
import type { BatchRows, RowCollector } from '../storage/batch-rows.ts';
import type { Batch, BatchStep, BatchStore, FailedRow } from '../storage/batch-store.ts';
import { PlainRows, withoutSuppressed } from '../storage/plain-rows.ts';
import type { BatchCursor } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { readCustomerHeader, readCustomerSteps } from './customer-steps.ts';
import { namesAny } from './forget-in-batches.ts';
import type { ResumePoint } from './line-reader.ts';
import type { PlaceholderRows } from './row-parser.ts';
import { type ReadStep, readSteps } from './step-reader.ts';

/** The client settings that apply to its batches. */
export type BatchRules = WriteRules & Partial<Pick<ClientRules, 'placeholderIds'>>;

export interface BatchRunnerParts {
  readonly batches: BatchStore;
  readonly files: BatchFileStore;
  readonly clients: readonly string[];
  /** Unique for this process. */
  readonly holder: string;
  readonly rulesOf: (client: string) => BatchRules | Promise<BatchRules>;
  /**
   * Passes rows to the edge clusters where their profiles are; without it, all rows are applied
   * here.
   */
  readonly rowsElsewhere?: RowsElsewhere;
  /** Called with the names in a batch's header before its rows are applied. */
  readonly noteNames?: (client: string, names: readonly string[]) => void | Promise<void>;
  /** Which ids must not be stored (contract section 22); without it, all may be. */
  readonly suppressions?: SuppressedIds;
  /** Called for rows whose id is a placeholder; without it, they are treated like other rows. */
  readonly placeholders?: { note(client: string, id: VisitorId): void };
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Rows per step; 4,000 by default. */
  readonly rowsPerStep?: number;
  /** Pauses after the failures of a step, in milliseconds; 1 s, then 5 s by default. */
  readonly pauses?: readonly number[];
}

/** Which ids are suppressed; implemented by `privacy/suppressions.ts`. */
export interface SuppressedIds {
  /** Undefined when the client has none. */
  of(client: string): NowOrLater<((id: VisitorId) => boolean) | undefined>;
}

/** Where the profiles of rows are; implemented by `edges/batch-rows.ts`. */
export interface RowsElsewhere {
  /**
   * Applies the rows whose profiles are in other edge clusters, there.
   *
   * @returns the rows left to be applied here; undefined when that is all of them
   * @throws QuiverError `unavailable` when it cannot be determined at the moment where they are
   */
  apply(
    batch: Batch,
    rows: BatchRows,
  ): Promise<
    | { readonly here: BatchRows; readonly failures: readonly FailedRow[]; readonly applied: number }
    | undefined
  >;
}

/** Each step costs one commit and blocks other writers for a few milliseconds. */
const ROWS_PER_STEP = 4000;
const STEPS_UNDER_WAY = 2;
/**
 * How long a dead process blocks its batch, in milliseconds. If a step takes longer, only the next
 * step's work is wasted, because the store refuses what is out of turn.
 */
const LEASE_MS = 2000;
/** How often an idle loop checks its queue, in milliseconds. */
const LOOK_EVERY_MS = 1000;
const PAUSES_MS = [1000, 5000];

export class BatchRunner {
  readonly #parts: BatchRunnerParts;
  readonly #clients: ReadonlySet<string>;
  readonly #stopped = new AbortController();
  /** The clients whose queues are being processed. */
  readonly #working = new Map<string, Promise<void>>();
  /** Those of them for which a batch was queued in the meantime. */
  readonly #again = new Set<string>();
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: BatchRunnerParts) {
    this.#parts = parts;
    this.#clients = new Set(parts.clients);
  }

  start(): void {
    this.#looking = this.#lookAgainAndAgain();
  }

  /** Announces a queued batch, so that it need not wait for the next check. */
  wake(client: string): void {
    if (!this.#clients.has(client) || this.#stopped.signal.aborted) return;
    if (this.#working.has(client)) this.#again.add(client);
    else this.#working.set(client, this.#work(client));
  }

  /** Stops after the current step. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#looking;
    await Promise.all(this.#working.values());
  }

  async #lookAgainAndAgain(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const due = setTimeout(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      try {
        for (const client of await this.#parts.batches.queued(this.#parts.clients)) this.wake(client);
      } catch (error) {
        this.#parts.log.error({ err: error }, 'the queues of batches could not be read');
      }
      await due;
    }
  }

  async #work(client: string): Promise<void> {
    do {
      this.#again.delete(client);
      try {
        await this.#workOff(client);
      } catch (error) {
        this.#parts.log.error({ err: error, client }, 'the queue of batches could not be read');
      }
    } while (this.#again.has(client) && !this.#stopped.signal.aborted);
    this.#working.delete(client);
  }

  /** Applies everything queued for a client while we have the lease. */
  async #workOff(client: string): Promise<void> {
    const { batches, holder, now } = this.#parts;
    for (;;) {
      const batch = await batches.next(client);
      if (!batch || batch.state === 'stuck' || this.#stopped.signal.aborted) break;
      if (!(await batches.lease(client, holder, now(), now() + LEASE_MS))) return;
      const isDone = await this.#run(batch);
      if (!isDone) break;
    }
    await batches.release(client, holder);
  }

  /**
   * Applies one batch to its end. False when it did not reach the end: stopped, out of turn, or
   * stuck.
   */
  async #run(batch: Batch): Promise<boolean> {
    const pauses = this.#parts.pauses ?? PAUSES_MS;
    const { client, id } = batch;
    let current: Batch | undefined = batch;
    let consumedAtFailure = -1;
    for (let failures = 0; current && current.state !== 'complete'; ) {
      try {
        current = await this.#runOn(current);
      } catch (error) {
        const { consumed } = ((await this.#reload(client, id)) ?? batch).progress;
        // While something is unavailable, it waits, however long.
        const isOut = error instanceof QuiverError && error.code === 'unavailable';
        failures = consumed === consumedAtFailure && !isOut ? failures + 1 : 1;
        consumedAtFailure = consumed;
        this.#parts.log.error({ err: error, client, batch: id, failures }, 'a step of a batch failed');
        if (failures > pauses.length) return this.#giveUp(batch, error);
        await this.#pauseAfterFailure(pauses[failures - 1]!);
        if (this.#stopped.signal.aborted) return false;
        const until = this.#parts.now() + LEASE_MS;
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

  /** The batch as stored; undefined when the store is unavailable at the moment. */
  async #reload(client: string, id: string): Promise<Batch | undefined> {
    return this.#parts.batches.find(client, id).catch(() => undefined);
  }

  /**
   * Applies rows from the stored progress on.
   * @returns the completed batch; undefined when stopped or out of turn
   */
  async #runOn(batch: Batch): Promise<Batch | undefined> {
    const { batches } = this.#parts;
    const { cursor: start, steps } = await this.#stepsOf(batch);
    const under = new StepsUnderWay();
    if (batch.rows === batch.progress.consumed) {
      under.add(batches.apply(await this.#step(batch, start, undefined)));
      return under.last();
    }
    let cursor = start;
    try {
      for await (const read of steps()) {
        if (this.#stopped.signal.aborted || !(await under.makeRoom())) return undefined;
        const step = await this.#step(batch, cursor, read);
        cursor = { ...step.after, rows: step.after.consumed };
        under.add(batches.apply(step), read);
      }
      const last = await under.last();
      if (last && last.state !== 'complete') {
        throw new RangeError(`the file ends after ${last.progress.consumed} of ${batch.rows} rows`);
      }
      return last;
    } finally {
      // No step may be left unawaited, whatever ends the loop.
      await under.settled();
    }
  }

  /**
   * The position where a batch or a file of customer attributes continues, and its rows from there.
   */
  async #stepsOf(
    batch: Batch,
  ): Promise<{ readonly cursor: BatchCursor; readonly steps: () => AsyncGenerator<ReadStep> }> {
    const { files, now, rowsPerStep = ROWS_PER_STEP } = this.#parts;
    const placeholders = await this.#placeholdersOf(batch.client);
    const options = { rowsPerStep, now, placeholders };
    if (batch.source !== undefined) {
      const { header, end } = await readCustomerHeader(files.readFrom(batch.id, 0));
      const cursor = cursorOf(batch) ?? end;
      const chunks = () => files.readFrom(batch.id, cursor.offset);
      return { cursor, steps: () => readCustomerSteps(chunks(), { ...options, header, cursor }) };
    }
    const from = await this.#resumePoint(batch);
    const settable = from.header.names.filter((name) => !isScriptName(name));
    await this.#parts.noteNames?.(batch.client, settable);
    const collector = (kind: IdKind, columns: readonly string[]) => this.#collector(kind, columns);
    const chunks = () => files.readFrom(batch.id, from.cursor.offset);
    return { cursor: from.cursor, steps: () => readSteps(chunks(), { ...options, from, collector }) };
  }

  /**
   * Rows that must be examined one by one, to find where their profiles are, are not packed first.
   */
  #collector(kind: IdKind, columns: readonly string[]): RowCollector {
    const { batches, rowsElsewhere } = this.#parts;
    return rowsElsewhere ? new PlainRows(kind, columns) : batches.collector(kind, columns);
  }

  /** Read when a batch starts or continues, so a changed setting applies from then on. */
  async #placeholdersOf(client: string): Promise<PlaceholderRows | undefined> {
    const { placeholders } = this.#parts;
    if (!placeholders) return undefined;
    const isRefused = (await this.#parts.rulesOf(client)).placeholderIds === 'refuse';
    return { isRefused, note: (id) => placeholders.note(client, id) };
  }

  /** The header is read again, and the rows from the progress on. */
  async #resumePoint(batch: Batch): Promise<ResumePoint> {
    const reader = new BatchReader();
    for await (const chunk of this.#parts.files.readFrom(batch.id, 0)) {
      reader.push(chunk);
      if (reader.header) break;
    }
    if (!reader.header) reader.end();
    const header = reader.header!;
    return { header, cursor: cursorOf(batch) ?? header.end };
  }

  /**
   * @param read the rows from the cursor on; undefined for the end of a batch whose rows are all
   *   consumed
   */
  async #step(batch: Batch, cursor: BatchCursor, read: ReadStep | undefined): Promise<BatchStep> {
    const { client, id, rows: size } = batch;
    const { holder, now } = this.#parts;
    const rules = await this.#parts.rulesOf(client);
    const consumed = cursor.rows + (read?.rows ?? 0);
    const isSuppressed = read && (await this.#parts.suppressions?.of(client));
    const all = withoutSuppressed(read?.updates ?? PlainRows.of([], now()), isSuppressed);
    const elsewhere = all.length > 0 ? await this.#parts.rowsElsewhere?.apply(batch, all) : undefined;
    const updates = elsewhere?.here ?? all;
    return {
      client,
      id,
      holder,
      leaseUntil: now() + LEASE_MS,
      consumedBefore: cursor.rows,
      updates,
      failures: [
        ...(read?.failures ?? [])
          .filter(({ rawId }) => !isSuppressed || !namesAny(all.kind, rawId, isSuppressed))
          .map(({ line, start, next, reason, rawId }) => {
            return { line, id: rawId, reason, notFound: false, start, next };
          }),
        ...(elsewhere?.failures ?? []),
      ],
      appliedElsewhere: elsewhere?.applied ?? 0,
      after: read ? { ...read.after, consumed } : { offset: cursor.offset, line: cursor.line, consumed },
      isLast: consumed === size,
      // The time at which the rows set their attributes.
      moment: { ...rules, now: updates.at },
    };
  }

  /**
   * Waits for a time, or until the runner stops. A new batch does not shorten the pause, because it
   * repairs no failure.
   */
  #pauseAfterFailure(ms: number): Promise<void> {
    return setTimeout(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}

/** Where a batch that has started continues; undefined before its first row. */
function cursorOf({ progress: { consumed, offset, line } }: Batch): BatchCursor | undefined {
  return consumed === 0 ? undefined : { offset, line, rows: consumed };
}

/**
 * Steps being written, in order: while one is written, the next waits and the one after is read.
 */
class StepsUnderWay {
  readonly #steps: {
    readonly applying: Promise<Batch | 'out-of-turn'>;
    readonly rows: ReadStep | undefined;
  }[] = [];
  #latest: Batch | undefined;

  add(applying: Promise<Batch | 'out-of-turn'>, rows?: ReadStep): void {
    // It may fail while the next rows are read, and is awaited only after that.
    applying.catch(() => undefined);
    this.#steps.push({ applying, rows });
  }

  /**
   * Waits until one more step may be added. False when a step was out of turn. Throws the error of
   * the first step that failed.
   */
  async makeRoom(): Promise<boolean> {
    while (this.#steps.length >= STEPS_UNDER_WAY) if (!(await this.#take())) return false;
    return true;
  }

  /**
   * Waits for all steps. Returns the batch after the last one, undefined when one was out of turn.
   */
  async last(): Promise<Batch | undefined> {
    while (this.#steps.length > 0) if (!(await this.#take())) return undefined;
    return this.#latest;
  }

  /** Waits for all steps, whatever their outcome. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#steps.map(({ applying }) => applying));
  }

  async #take(): Promise<boolean> {
    const { applying, rows } = this.#steps[0]!;
    const applied = await applying;
    this.#steps.shift();
    rows?.release();
    if (applied !== 'out-of-turn') this.#latest = applied;
    return applied !== 'out-of-turn';
  }
}
