/**
 * The rows of a batch as they cross the storage contract, in domain terms.
 *
 * A batch can have half a million rows, and an object with a map for each would cost more than all
 * other work. So the reader of a file passes each row cell by cell, as bytes that it lends, and the
 * store keeps them in the form that suits it: {@link RowCollector}. The embedded engine packs them
 * (`lmdb/packed-rows.ts`); an engine that needs text keeps objects (`plain-rows.ts`). In either
 * form, the rows can be iterated over as plain objects.
 */

import type { AttributeSettings } from '../domain/attributes.ts';
import type { IdKind, VisitorId } from '../domain/visitor-id.ts';
import type { StateSettings } from '../domain/visitor-state.ts';

/** One row to apply. */
export interface RowUpdate {
  /** The line number in the file, from 1. */
  readonly line: number;
  /** The id as it is in the file, for instance with a location hint. */
  readonly rawId: string;
  readonly id: VisitorId;
  readonly settings: AttributeSettings;
  /** Visitor state that the row also sets: customer attributes. */
  readonly state?: StateSettings | undefined;
  /** Where the row is in the file: the offset of its first byte, and of the first byte after it. */
  readonly start: number;
  readonly next: number;
  /**
   * The number of rows of the step up to this one, including skipped and failed rows. If it is
   * missing, the step can only be applied as a whole.
   */
  readonly nth?: number;
}

/** Rows in file order. Their ids are all of one kind. */
export interface BatchRows extends Iterable<RowUpdate> {
  readonly kind: IdKind;
  /** The time at which the attributes are set, in epoch milliseconds. */
  readonly at: number;
  readonly length: number;
}

/**
 * Collects the rows of a step while they are read. The bytes passed to it are only lent, so it
 * copies what it keeps before it returns.
 *
 *   startRow → (rawId) → addValue … → endRow   one row
 *   startRow → … → startRow or add             the row that was not ended is dropped
 */
export interface RowCollector extends BatchRows {
  /** The approximate size of its rows in bytes. */
  readonly size: number;

  /** Empties the collector, so that the same memory can hold another step. */
  clear(at: number): void;

  /** Adds a complete row. */
  add(row: RowUpdate): void;

  /**
   * Starts a row.
   * @param from contains the id, without a location hint, in ASCII from `start` to `end`
   */
  startRow(from: Buffer, start: number, end: number): void;

  /** The id as it is in the file, in ASCII. Not called when that is the id itself. */
  rawId(from: Buffer, start: number, end: number): void;

  /**
   * Adds a value to the row.
   *
   * @param column its index in the list of columns that the collector was created with
   * @param from contains the value, in UTF-8 and not empty, from `start` to `end`
   * @param isPlain whether the value consists of printable ASCII without `"` and `\`
   */
  addValue(column: number, from: Buffer, start: number, end: number, isPlain: boolean): void;

  /** Ends a row that has at least one value. The parameters are those of {@link RowUpdate}. */
  endRow(line: number, start: number, next: number, nth: number): void;
}
