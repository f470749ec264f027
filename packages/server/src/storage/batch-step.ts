/** How a step changes its batch. The same for every engine. */

import { attributesLimitReason } from '../domain/profile.ts';
import type { RowUpdate } from './batch-rows.ts';
import type { AcceptedBatch, Batch, BatchProgress, BatchStep, FailedRow, RowOutcome } from './batch-store.ts';

const UNSTARTED: BatchProgress = { offset: 0, line: 1, consumed: 0, successful: 0, notFound: 0, failed: 0 };

/** An accepted batch with no row applied yet. */
export function waitingBatch(accepted: AcceptedBatch): Batch {
  return {
    ...accepted,
    state: 'waiting',
    progress: UNSTARTED,
    startedAt: undefined,
    finishedAt: undefined,
    reason: undefined,
  };
}

/** Whether a step starts exactly where the batch is, and the batch can continue. */
export function isAtStep(
  { state, progress }: Batch,
  { consumedBefore }: Pick<BatchStep, 'consumedBefore'>,
): boolean {
  return (state === 'waiting' || state === 'running') && progress.consumed === consumedBefore;
}

/**
 * The members of a step that determine the progress of its batch, for a whole step or part of one.
 */
export type StepPart = Pick<BatchStep, 'moment' | 'isLast' | 'failures' | 'appliedElsewhere' | 'after'> & {
  readonly updates: { readonly length: number };
};

/**
 * The batch after a step or part of a step.
 * @param unapplied the rows of it that were not applied here
 */
export function batchAfter(batch: Batch, step: StepPart, unapplied: readonly FailedRow[]): Batch {
  const { progress } = batch;
  const { moment, isLast, updates, failures, appliedElsewhere } = step;
  const notFound = unapplied.filter((row) => row.notFound).length;
  return {
    ...batch,
    state: isLast ? 'complete' : 'running',
    startedAt: batch.startedAt ?? moment.now,
    finishedAt: isLast ? moment.now : undefined,
    progress: {
      ...step.after,
      successful: progress.successful + updates.length - unapplied.length + appliedElsewhere,
      notFound: progress.notFound + notFound,
      failed: progress.failed + failures.length + unapplied.length - notFound,
    },
  };
}

/** The failure entry for a row that was not applied. */
export function unappliedRow(
  { line, rawId, start, next }: RowUpdate,
  outcome: Exclude<RowOutcome, 'applied'>,
): FailedRow {
  const notFound = outcome === 'not-found';
  const reason = notFound ? 'no such profile' : attributesLimitReason;
  return { line, id: rawId, reason, notFound, start, next };
}
