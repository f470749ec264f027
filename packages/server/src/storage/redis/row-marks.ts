/** The marks of applied rows in profiles, which identify a repeated row (`redis-row-writer.ts`). */

import type { VisitorId } from '../../domain/visitor-id.ts';
import { idField } from './id-field.ts';

export interface RowMarks {
  /** The field of this id's mark. */
  fieldOf(id: VisitorId): string;
  /** Whether the mark is of the row at that line or a later one. */
  covers(mark: string, line: number): boolean;
  markOf(line: number): string;
}

/**
 * Marks of the queue of a client, whose batches are applied one after the other.
 * @param turn the position of the batch in the queue
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

/**
 * Marks of another cluster's queue; separate for each cluster, because their batches run in
 * parallel.
 */
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

/** Whether a field is a mark of the id, of any queue. */
export function isMarkOf(field: string, id: VisitorId): boolean {
  const own = idField(id);
  return field === own || (field.startsWith(FOREIGN) && field.slice(field.indexOf(FOREIGN, 1) + 1) === own);
}
