/**
 * The terms of the batch format, shared by its reader, checker and writer (contract section 6).
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

/** The most bytes of one batch, after unpacking. */
export const MAX_BATCH_BYTES = 50_000_000;
/** The most rows of one batch, without the header. */
export const MAX_BATCH_ROWS = 500_000;
/**
 * The most bytes of one row or of the header, without its line end. A row may set 64 KB, which
 * percent-encoding can turn into 192 KB; the rest is room for empty cells and blanks. The limit
 * keeps memory use independent of the file (ours).
 */
export const MAX_ROW_BYTES = 1024 * 1024;

/** The header row: the kind of id in the first column, and what the other columns set. */
export interface BatchHeader {
  readonly key: BatchKey;
  /** The decoded attribute names, in the order of the columns after the first. */
  readonly names: readonly string[];
  /** Where the line after the header starts. */
  readonly end: BatchCursor;
}

/**
 * A position in a batch between two rows, as plain data, so that a runner can store it and continue
 * there.
 */
export interface BatchCursor {
  /** Offset in the unpacked file, in bytes. */
  readonly offset: number;
  /** The number of the line that starts there, from 1. */
  readonly line: number;
  /** How many rows are before it, including failed and skipped ones but not the header. */
  readonly rows: number;
}

interface RowPlace {
  /** The line number of the row, from 1. */
  readonly line: number;
  /** The offset of the row in the file, in bytes. */
  readonly start: number;
  /** The offset of the next line. */
  readonly next: number;
}

/** A row that sets something. */
export interface UpdateRow extends RowPlace {
  readonly kind: 'update';
  readonly id: VisitorId;
  /** The id as it is in the file, without blanks around it, not decoded, with its location hint. */
  readonly rawId: string;
  /** Never empty. */
  readonly settings: AttributeSettings;
}

/** A row without any value; it is consumed, and counts neither as success nor as failure. */
export interface SkippedRow extends RowPlace {
  readonly kind: 'skipped';
}

/** A row that cannot be applied; the others are applied. */
export interface UnreadableRow extends RowPlace {
  readonly kind: 'failed';
  /** As {@link UpdateRow.rawId}, cut at 3,072 bytes; empty when there is none. */
  readonly rawId: string;
  /** For people, without the line number: `the id is missing`. */
  readonly reason: string;
}

export type BatchRow = UpdateRow | SkippedRow | UnreadableRow;

/** Where a reader continues after `row`. */
export function cursorAfter(row: BatchRow, rowsBefore: number): BatchCursor {
  return { offset: row.next, line: row.line + 1, rows: rowsBefore + 1 };
}

/** An integer for people: `500,000`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
