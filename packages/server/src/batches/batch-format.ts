/**
 * The words of the batch format, shared by its reader, checker and writer (contract section 6).
 *
 * ```
 * batch=pcId,param1,param2
 * 123,value1
 * 125,,value2
 * ```
 */

import type { AttributeSettings } from '../domain/attributes.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import type { BatchKey } from './column-name.ts';

/** The most bytes of one batch, unpacked. */
export const MAX_BATCH_BYTES = 50_000_000;
/** The most rows of one batch, the header not counted. */
export const MAX_BATCH_ROWS = 500_000;
/**
 * The most bytes of one row, the header too, without its line end. What a row may set is bounded by
 * 64 KB, which percent-encoding makes 192 KB at most; the rest is room for empty cells and blanks.
 * The bound keeps memory from growing with the file (ours).
 */
export const MAX_ROW_BYTES = 1024 * 1024;

/** The header row: which id the rows are addressed by, and what their other cells set. */
export interface BatchHeader {
  readonly key: BatchKey;
  /** The attributes' names, decoded, in the order of the columns after the first. */
  readonly names: readonly string[];
  /** Where the line after the header begins. */
  readonly end: BatchCursor;
}

/** A place in a batch between two rows. Plain data: what a runner keeps to go on from. */
export interface BatchCursor {
  /** Bytes from the beginning of the (unpacked) file. */
  readonly offset: number;
  /** The number of the line that begins there; the file's first line is 1. */
  readonly line: number;
  /** How many rows came before, failed and skipped ones too, the header not counted. */
  readonly rows: number;
}

interface RowPlace {
  /** The line the row stands on; the file's first line is 1. */
  readonly line: number;
  /** Where the row begins, in bytes from the beginning of the file. */
  readonly start: number;
  /** Where the next line begins. */
  readonly next: number;
}

/** A row that sets something. */
export interface UpdateRow extends RowPlace {
  readonly kind: 'update';
  readonly id: VisitorId;
  /** The id as the file has it, blanks cut, not decoded, with its location hint. */
  readonly rawId: string;
  /** Never empty. */
  readonly settings: AttributeSettings;
}

/** A row without any value: consumed, neither a success nor a failure. */
export interface SkippedRow extends RowPlace {
  readonly kind: 'skipped';
}

/** A row that cannot be applied; the others go on. */
export interface UnreadableRow extends RowPlace {
  readonly kind: 'failed';
  /** As in {@link UpdateRow.rawId}, cut at 3,072 bytes; empty when there is none. */
  readonly rawId: string;
  /** For people, without the line: `the id is missing`. */
  readonly reason: string;
}

export type BatchRow = UpdateRow | SkippedRow | UnreadableRow;

/** Where a reader continues after `row`. */
export function cursorAfter(row: BatchRow, rowsBefore: number): BatchCursor {
  return { offset: row.next, line: row.line + 1, rows: rowsBefore + 1 };
}

/** A whole number as people read it: `500,000`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
