/**
 * The storage contract for batches: what was accepted, how far each batch is, which rows failed and
 * why.
 *
 * state      meaning                                           what ends the state
 * ---------  ------------------------------------------------  ------------------------------------
 * waiting    accepted, no row applied                          the first step → running
 * running    rows up to the progress are applied, none after   the last step → complete;
 *                                                              given up → stuck
 * stuck      as running, with a reason; later batches wait     `retry` → running
 * complete   every row was consumed                            seven days → removed
 *
 * A step applies its rows and advances the progress in one transaction, so after a crash no row is
 * missed and none is applied twice. The batches of one client are applied in the order in which
 * they were accepted. Only the holder of the client's lease works on them. Errors and durability
 * are as in `profile-store.ts`.
 */

import type { WriteMoment } from '../domain/lifetime.ts';
import type { IdKind } from '../domain/visitor-id.ts';
import type { BatchRows, RowCollector } from './batch-rows.ts';

/** v1 only updates profiles; v2 also creates those that are not found (contract section 6). */
export type BatchVersion = 'v1' | 'v2';
export type BatchState = 'waiting' | 'running' | 'complete' | 'stuck';

/**
 * How far a batch is: the position after the last consumed row, and the outcomes of the rows before
 * it.
 */
export interface BatchProgress {
  /** Offset in the unpacked file, in bytes. */
  readonly offset: number;
  /** The number of the line at that offset. */
  readonly line: number;
  /** Rows consumed, including failed and skipped ones. */
  readonly consumed: number;
  readonly successful: number;
  /** Rows of a v1 batch whose profile does not exist. */
  readonly notFound: number;
  readonly failed: number;
}

export interface Batch {
  readonly client: string;
  readonly id: string;
  readonly version: BatchVersion;
  /** For a file of customer attributes, its source; undefined for any other batch. */
  readonly source?: string | undefined;
  /** Epoch milliseconds. */
  readonly acceptedAt: number;
  /** Rows in the file. */
  readonly rows: number;
  /** Size of the unpacked file in bytes. */
  readonly bytes: number;
  readonly state: BatchState;
  readonly progress: BatchProgress;
  /** When the first and the last row were applied; undefined before. */
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  /** Why the batch is stuck. */
  readonly reason: string | undefined;
}

/** A batch before its first step. */
export type AcceptedBatch = Pick<
  Batch,
  'client' | 'id' | 'version' | 'source' | 'acceptedAt' | 'rows' | 'bytes'
>;

/** One row that was not applied. */
export interface FailedRow {
  /** The line number in the file, from 1. */
  readonly line: number;
  /** The id as it is in the file. */
  readonly id: string;
  readonly reason: string;
  /** Whether the row counts as `notFound` rather than `failed`. */
  readonly notFound: boolean;
  /** Where the row is in the file: the offset of its first byte, and of the first byte after it. */
  readonly start: number;
  readonly next: number;
}

/** Consecutive rows of a batch, and the position after them. */
export interface BatchStep {
  readonly client: string;
  readonly id: string;
  /** The holder of the client's lease. */
  readonly holder: string;
  /** The lease is extended to this time by the step, in epoch milliseconds. */
  readonly leaseUntil: number;
  /** The number of rows that must have been consumed before the step. */
  readonly consumedBefore: number;
  /** The rows to apply. Rows from a {@link BatchStore.collector} of the same store are cheapest. */
  readonly updates: BatchRows;
  /** Rows that could not be read, or could not be applied in another edge cluster. */
  readonly failures: readonly FailedRow[];
  /** How many rows were applied in other edge clusters. */
  readonly appliedElsewhere: number;
  /** Where the next step starts. */
  readonly after: { readonly offset: number; readonly line: number; readonly consumed: number };
  readonly isLast: boolean;
  readonly moment: WriteMoment;
}

/** The outcome of a row. */
export type RowOutcome = 'applied' | 'not-found' | 'too-large';

/**
 * Rows of another edge cluster's batch whose profiles are stored here. The batch itself is not
 * queued here.
 */
export interface ForeignRows {
  readonly client: string;
  /** The number of the cluster that has the batch. */
  readonly from: number;
  readonly batch: string;
  /** Epoch milliseconds. */
  readonly acceptedAt: number;
  /** In file order; lines may be missing. */
  readonly updates: BatchRows;
  readonly moment: WriteMoment;
}

export interface BatchStore {
  /** Queues a batch behind all others of its client, in the state `waiting`. */
  accept(batch: AcceptedBatch): Promise<void>;

  find(client: string, id: string): Promise<Batch | undefined>;

  /** The batches of a client, newest first. */
  list(client: string, limit: number): Promise<Batch[]>;

  /**
   * Which of the clients have a queued batch, stuck ones included. Asks for all clients at once,
   * because there may be thousands, most of them idle.
   */
  queued(clients: readonly string[]): Promise<string[]>;

  /** The first batch of the queue, even if it is stuck; undefined when all batches are complete. */
  next(client: string): Promise<Batch | undefined>;

  /** Takes or extends the lease on a client's queue. False while another holder has it. */
  lease(client: string, holder: string, now: number, until: number): Promise<boolean>;

  /** Gives up the lease, if `holder` has it. */
  release(client: string, holder: string): Promise<void>;

  /**
   * Creates a collector of rows for {@link apply}.
   *
   * @param kind of every row's id
   * @param columns the attribute names; values refer to them by index
   */
  collector(kind: IdKind, columns: readonly string[]): RowCollector;

  /**
   * Applies the rows of a step, in order, and advances the progress.
   *
   * @returns the batch afterwards; `out-of-turn` when another holder has the lease or the step does
   *   not start at the progress: then nothing was applied
   * @throws QuiverError `unavailable` when the store cannot be reached at the moment; the same step
   *   can be applied later
   */
  apply(step: BatchStep): Promise<Batch | 'out-of-turn'>;

  /**
   * Applies rows of another cluster's batch to existing profiles. For seven days, rows that are
   * sent again, alone or among others, are not applied again. Rows that found no profile are tried
   * again.
   */
  applyForeign(rows: ForeignRows): Promise<RowOutcome[]>;

  /** Marks a batch that cannot continue. */
  giveUp(client: string, id: string, reason: string): Promise<void>;

  /** Lets a stuck batch continue from where it is. False when no stuck batch has that id. */
  retry(client: string, id: string): Promise<boolean>;

  /** The failed rows of a batch in file order, starting at line `fromLine`. */
  failures(client: string, id: string, fromLine: number, limit: number): Promise<FailedRow[]>;

  /** Removes the failed rows of some lines of a batch. The counts do not change. */
  dropFailures(client: string, id: string, lines: readonly number[]): Promise<void>;

  /**
   * Removes completed batches that were accepted before a time, with their failed rows, in one
   * small step: at most `limit` batches and failed rows together. A batch is unknown from the first
   * step on.
   *
   * @returns the batches that are completely removed now, and whether another step would find more
   *   to remove
   */
  expire(
    client: string,
    acceptedBefore: number,
    limit: number,
  ): Promise<{ readonly gone: readonly string[]; readonly more: boolean }>;
}
