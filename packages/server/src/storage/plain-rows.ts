/**
 * Rows of a batch as plain objects, for engines that need text and for callers that create or
 * filter rows.
 */

import type { IdKind, VisitorId } from '../domain/visitor-id.ts';
import type { BatchRows, RowCollector, RowUpdate } from './batch-rows.ts';

export class PlainRows implements RowCollector {
  readonly kind: IdKind;
  at = 0;
  size = 0;
  readonly #columns: readonly string[];
  #rows: RowUpdate[] = [];
  #id = '';
  #rawId = '';
  #settings = new Map<string, string>();

  /** @param columns the attribute names; {@link addValue} refers to them by index */
  constructor(kind: IdKind, columns: readonly string[]) {
    this.kind = kind;
    this.#columns = columns;
  }

  /** Wraps existing rows, whose ids must be of one kind. */
  static of(updates: readonly RowUpdate[], at: number): PlainRows {
    const rows = new PlainRows(updates[0]?.id.kind ?? 'tntId', []);
    rows.at = at;
    rows.#rows = [...updates];
    return rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  [Symbol.iterator](): Iterator<RowUpdate> {
    return this.#rows[Symbol.iterator]();
  }

  clear(at: number): void {
    this.at = at;
    this.size = 0;
    this.#rows = [];
  }

  add(row: RowUpdate): void {
    this.#rows.push(row);
    this.size += row.next - row.start;
  }

  startRow(from: Buffer, start: number, end: number): void {
    this.#id = from.toString('latin1', start, end);
    this.#rawId = this.#id;
    this.#settings = new Map();
  }

  rawId(from: Buffer, start: number, end: number): void {
    this.#rawId = from.toString('latin1', start, end);
  }

  addValue(column: number, from: Buffer, start: number, end: number, isPlain: boolean): void {
    this.#settings.set(this.#columns[column]!, from.toString(isPlain ? 'latin1' : 'utf8', start, end));
  }

  endRow(line: number, start: number, next: number, nth: number): void {
    const id = { kind: this.kind, value: this.#id };
    this.add({ line, start, next, rawId: this.#rawId, id, settings: this.#settings, nth });
  }
}

/**
 * The rows without those of suppressed ids (contract section 22); the same object when there are
 * none.
 */
export function withoutSuppressed(
  rows: BatchRows,
  isSuppressed: ((id: VisitorId) => boolean) | undefined,
): BatchRows {
  if (isSuppressed === undefined || rows.length === 0) return rows;
  const all = Array.from(rows);
  const kept = all.filter(({ id }) => !isSuppressed(id));
  if (kept.length === all.length) return rows;
  const left = new PlainRows(rows.kind, []);
  left.at = rows.at;
  for (const row of kept) left.add(row);
  return left;
}
