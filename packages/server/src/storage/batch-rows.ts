/**
 * The rows of a batch as they cross the storage contract, in words of the domain.
 *
 * A batch has half a million rows, and an object with a map for each would cost more than the rest
 * of the work. So the reader of a file hands each row over cell by cell, as bytes that it lends,
 * and the store keeps them in the form that suits it: {@link RowCollector}. The embedded engine
 * packs them (`lmdb/packed-rows.ts`), an engine that wants text keeps objects (`plain-rows.ts`).
 * Whatever collected them, rows can be iterated over as plain ones.
 */

import type { AttributeSettings } from '../domain/attributes.ts';
import type { IdKind, VisitorId } from '../domain/visitor-id.ts';
import type { StateSettings } from '../domain/visitor-state.ts';

/** One row to apply. */
export interface RowUpdate {
  /** The line of the file; its first is 1. */
  readonly line: number;
  /** The id as the file has it, with a location hint for instance. */
  readonly rawId: string;
  readonly id: VisitorId;
  readonly settings: AttributeSettings;
  /** State of the visitor that it sets with them: customer attributes. */
  readonly state?: StateSettings | undefined;
  /** Where the row lies in the file: its first byte, and the first after it. */
  readonly start: number;
  readonly next: number;
  /**
   * How many rows of the step there are up to this one, skipped and failed ones too. Unknown when
   * it is left out: then the step can only be applied as a whole.
   */
  readonly nth?: number;
}

/** Rows in the order of the file, whose ids are all of one kind. */
export interface BatchRows extends Iterable<RowUpdate> {
  readonly kind: IdKind;
  /** The time at which their attributes are set, in epoch milliseconds. */
  readonly at: number;
  readonly length: number;
}

/**
 * Collects the rows of a step while they are read. The bytes that it is given are lent: it copies
 * what it keeps before it returns.
 *
 *   startRow → (rawId) → addValue … → endRow   one row
 *   startRow → … → startRow or add             the row that was not ended is dropped
 */
export interface RowCollector extends BatchRows {
  /** About how many bytes its rows take. */
  readonly size: number;

  /** Empties it, to collect another step in the same memory. */
  clear(at: number): void;

  /** Adds a whole row. */
  add(row: RowUpdate): void;

  /**
   * Starts a row. @param from has the id, without a location hint, in ASCII from `start` to `end`
   */
  startRow(from: Buffer, start: number, end: number): void;

  /** The id as the file has it, in ASCII; left out when it is the id itself. */
  rawId(from: Buffer, start: number, end: number): void;

  /**
   * Adds a value to the row.
   *
   * @param column its place among the columns that the collector was made with
   * @param from has the value, in UTF-8 and not empty, from `start` to `end`
   * @param isPlain whether it has nothing but printable ASCII, without `"` and `\`
   */
  addValue(column: number, from: Buffer, start: number, end: number, isPlain: boolean): void;

  /** Ends a row that has a value. The parameters are those of {@link RowUpdate}. */
  endRow(line: number, start: number, next: number, nth: number): void;
}
