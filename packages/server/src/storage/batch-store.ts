/**
 * The storage contract of batches: what was accepted, how far each has come, which rows failed and
 * why.
 *
 *   state      what holds                                        what moves it
 *   ---------  ------------------------------------------------  ------------------------------------------------
 *   waiting    accepted, no row applied                          its turn: the first step → running
 *   running    rows up to the progress are applied, none after   the last step → complete; given up → stuck
 *   stuck      as running, with the reason; later batches wait   `retry` → running
 *   complete   every row was consumed                            seven days → gone
 *
 * A step applies its rows and moves the progress in one stroke, so that after a crash no row is
 * missed and none is applied twice. Batches of one client go in the order they were accepted; one
 * holder of the client's lease works at a time. Errors and durability are as in `profile-store.ts`.
 */

import type { WriteMoment } from '../domain/lifetime.ts';
import type { IdKind } from '../domain/visitor-id.ts';
import type { BatchRows, RowCollector } from './batch-rows.ts';

/** v1 updates only; v2 makes the profiles that are not found (contract section 6). */
export type BatchVersion = 'v1' | 'v2';
export type BatchState = 'waiting' | 'running' | 'complete' | 'stuck';

/**
 * How far a batch has come: the place after the last row consumed, and what became of the rows
 * before it.
 */
export interface BatchProgress {
  /** Bytes from the beginning of the unpacked file. */
  readonly offset: number;
  /** The number of the line that begins there. */
  readonly line: number;
  /** Rows consumed, failed and skipped ones too. */
  readonly consumed: number;
  readonly successful: number;
  /** Rows of a v1 batch whose profile is not there. */
  readonly notFound: number;
  readonly failed: number;
}

export interface Batch {
  readonly client: string;
  readonly id: string;
  readonly version: BatchVersion;
  /** The source of customer attributes whose file it is; undefined for any other batch. */
  readonly source?: string | undefined;
  /** Epoch milliseconds. */
  readonly acceptedAt: number;
  /** Rows of the file. */
  readonly rows: number;
  /** Bytes of the file, unpacked. */
  readonly bytes: number;
  readonly state: BatchState;
  readonly progress: BatchProgress;
  /** When the first row was applied, and when the last; undefined before. */
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  /** Why it is stuck. */
  readonly reason: string | undefined;
}

/** A batch before its first step. */
export type AcceptedBatch = Pick<
  Batch,
  'client' | 'id' | 'version' | 'source' | 'acceptedAt' | 'rows' | 'bytes'
>;

/** One row that was not applied. */
export interface FailedRow {
  /** The line of the file; its first is 1. */
  readonly line: number;
  /** The id as the file has it. */
  readonly id: string;
  readonly reason: string;
  /** Whether it is one of `notFound` rather than of `failed`. */
  readonly notFound: boolean;
  /** Where the row lies in the file: its first byte, and the first after it. */
  readonly start: number;
  readonly next: number;
}

/** Some rows of a batch that lie side by side, and the place after them. */
export interface BatchStep {
  readonly client: string;
  readonly id: string;
  /** Who holds the lease of the client. */
  readonly holder: string;
  /** How long the lease is prolonged by the step, in epoch milliseconds. */
  readonly leaseUntil: number;
  /** Rows that must have been consumed before the step. */
  readonly consumedBefore: number;
  /** The rows to apply. Those of a {@link BatchStore.collector} of this store cost it least. */
  readonly updates: BatchRows;
  /** Rows that could not be read, or not be applied elsewhere. */
  readonly failures: readonly FailedRow[];
  /** How many rows were applied in other edge clusters. */
  readonly appliedElsewhere: number;
  /** Where the next step begins. */
  readonly after: { readonly offset: number; readonly line: number; readonly consumed: number };
  readonly isLast: boolean;
  readonly moment: WriteMoment;
}

/** What became of a row. */
export type RowOutcome = 'applied' | 'not-found' | 'too-large';

/**
 * Rows of a batch of another edge cluster, whose profiles live here; such a batch is not queued
 * here.
 */
export interface ForeignRows {
  readonly client: string;
  /** The number of the cluster that has the batch. */
  readonly from: number;
  readonly batch: string;
  /** Epoch milliseconds. */
  readonly acceptedAt: number;
  /** In the order of the file; lines may be missing. */
  readonly updates: BatchRows;
  readonly moment: WriteMoment;
}

export interface BatchStore {
  /** Queues a batch behind all others of its client; it is `waiting`. */
  accept(batch: AcceptedBatch): Promise<void>;

  find(client: string, id: string): Promise<Batch | undefined>;

  /** The batches of a client, newest first. */
  list(client: string, limit: number): Promise<Batch[]>;

  /**
   * Which of the clients have a batch queued, stuck or not. One look at all of them: there may be
   * thousands, and most idle.
   */
  queued(clients: readonly string[]): Promise<string[]>;

  /** The batch whose turn it is, stuck or not; undefined when all are complete. */
  next(client: string): Promise<Batch | undefined>;

  /** Takes or prolongs the lease on a client's queue; false while another holds it. */
  lease(client: string, holder: string, now: number, until: number): Promise<boolean>;

  /** Gives the lease back, if `holder` has it. */
  release(client: string, holder: string): Promise<void>;

  /**
   * Collects rows for {@link apply} while they are read.
   *
   * @param kind of every row's id
   * @param columns the attribute names, which values are given by place
   */
  collector(kind: IdKind, columns: readonly string[]): RowCollector;

  /**
   * Applies the rows of a step, in order, and moves the progress.
   *
   * @returns the batch as it is now; `out-of-turn` when another holds the lease or the progress is not where the step begins:
   *   then nothing was applied
   * @throws QuiverError `unavailable` when the store cannot be reached for now: the same step can
   *   be applied whenever it can
   */
  apply(step: BatchStep): Promise<Batch | 'out-of-turn'>;

  /**
   * Applies rows of a batch of another cluster, to profiles that are there. Rows that come again,
   * alone or among others, are not applied again, for seven days; those that found no profile are
   * tried again.
   */
  applyForeign(rows: ForeignRows): Promise<RowOutcome[]>;

  /** Marks a batch that cannot go on. */
  giveUp(client: string, id: string, reason: string): Promise<void>;

  /**
   * Lets a stuck batch go on from where it is; false when there is none of that id that is stuck.
   */
  retry(client: string, id: string): Promise<boolean>;

  /** The failed rows of a batch in the order of the file, from line `fromLine` on. */
  failures(client: string, id: string, fromLine: number, limit: number): Promise<FailedRow[]>;

  /** Removes the failed rows of some lines of a batch; what was counted stays counted. */
  dropFailures(client: string, id: string, lines: readonly number[]): Promise<void>;

  /**
   * Removes completed batches that were accepted before, with their failed rows, in one small step:
   * at most `limit` batches and failed rows together. From its first step on a batch is unknown.
   *
   * @returns the batches of which nothing is left now, and whether a further step would find
   *   something to remove
   */
  expire(
    client: string,
    acceptedBefore: number,
    limit: number,
  ): Promise<{ readonly gone: readonly string[]; readonly more: boolean }>;
}
