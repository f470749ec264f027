/** What a step makes of a batch, the same for every engine. */

import { attributesLimitReason } from '../domain/profile.ts';
import type { RowUpdate } from './batch-rows.ts';
import type { AcceptedBatch, Batch, BatchProgress, BatchStep, FailedRow, RowOutcome } from './batch-store.ts';

const UNSTARTED: BatchProgress = { offset: 0, line: 1, consumed: 0, successful: 0, notFound: 0, failed: 0 };

/** A batch that was accepted, and of which no row is applied. */
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

/** Whether a step begins where a batch is, and the batch can go on. */
export function isAtStep(
  { state, progress }: Batch,
  { consumedBefore }: Pick<BatchStep, 'consumedBefore'>,
): boolean {
  return (state === 'waiting' || state === 'running') && progress.consumed === consumedBefore;
}

/** What of a step counts for the progress of its batch: of the whole step, or of a part of it. */
export type StepPart = Pick<BatchStep, 'moment' | 'isLast' | 'failures' | 'appliedElsewhere' | 'after'> & {
  readonly updates: { readonly length: number };
};

/**
 * The batch after a step or a part of one. @param unapplied the rows of it that were not applied
 * here
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

/** How a row that was not applied is told of. */
export function unappliedRow(
  { line, rawId, start, next }: RowUpdate,
  outcome: Exclude<RowOutcome, 'applied'>,
): FailedRow {
  const notFound = outcome === 'not-found';
  const reason = notFound ? 'no such profile' : attributesLimitReason;
  return { line, id: rawId, reason, notFound, start, next };
}
