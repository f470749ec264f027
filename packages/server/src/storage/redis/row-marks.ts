/**
 * The marks that profiles have of the rows that were applied to them, so that a repeated row is
 * recognised (`redis-row-writer.ts`).
 */

import type { VisitorId } from '../../domain/visitor-id.ts';
import { idField } from './id-field.ts';

export interface RowMarks {
  /** Which of a profile's marks is of this id. */
  fieldOf(id: VisitorId): string;
  /** Whether the mark is of the row at that line or of a later one. */
  covers(mark: string, line: number): boolean;
  markOf(line: number): string;
}

/**
 * Of the queue of a client: its batches go one after the other. @param turn the place of the batch
 * in the queue
 */
export function queueMarks(turn: string): RowMarks {
  return {
    fieldOf: idField,
    covers(mark, line) {
      const [markTurn, markLine] = mark.split(':').map(Number);
      return Number(turn) < markTurn! || (Number(turn) === markTurn && line <= markLine!);
    },
    markOf: (line) => `${turn}:${line}`,
  };
}

/** Of another cluster's queue; a mark for each cluster, for their batches go side by side. */
export function foreignMarks(from: number, batch: string, acceptedAt: number): RowMarks {
  return {
    fieldOf: (id) => `${FOREIGN}${from}~${idField(id)}`,
    covers(mark, line) {
      const [markTime, markBatch, markLine] = mark.split('/');
      return markBatch === batch ? line <= Number(markLine) : acceptedAt < Number(markTime);
    },
    markOf: (line) => `${acceptedAt}/${batch}/${line}`,
  };
}

const FOREIGN = '~';

/** Whether a field of marks is of the id, of whichever queue. */
export function isMarkOf(field: string, id: VisitorId): boolean {
  const own = idField(id);
  return field === own || (field.startsWith(FOREIGN) && field.slice(field.indexOf(FOREIGN, 1) + 1) === own);
}
