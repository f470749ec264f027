/**
 * Encodes records into batch files: percent-encoded cells, one header for all rows, within the
 * limits of one file.
 */

/** The content of one row. */
export interface ProfileRecord {
  /** A tntId or a thirdPartyId, depending on the batch. */
  readonly id: string;
  /** Values by attribute name, without `profile.`; an empty or undefined value sets nothing. */
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** The kind of the ids of a batch. */
export type BatchKey = 'thirdPartyId' | 'pcId';

/** The limits of one batch file: under 50 MB, at most 500,000 rows. */
export interface BatchLimits {
  /** The most bytes; 49,999,999 by default. */
  readonly maxBytes?: number;
  /** The most rows; 500,000 by default. */
  readonly maxRows?: number;
}

/** A batch file, ready to send. */
export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rows: number;
  /**
   * The index of its first record among all records, from 0; together with the line of a failed row
   * it tells which record failed.
   */
  readonly firstRecord: number;
}

/** The records of a file that is being built. */
class OpenBatch {
  readonly rows: { readonly id: string; readonly cells: ReadonlyMap<string, string> }[] = [];
  readonly columns = new Set<string>();
  /** The size of the header's names and of all cells, all ASCII, without commas and line ends. */
  #textBytes: number;
  readonly #key: BatchKey;

  constructor(key: BatchKey) {
    this.#key = key;
    this.#textBytes = `batch=${key}`.length;
  }

  /** The size of the file if this row were added. */
  bytesWith(id: string, cells: ReadonlyMap<string, string>): number {
    let text = this.#textBytes + id.length;
    let columns = this.columns.size;
    for (const [name, value] of cells) {
      text += value.length;
      if (this.columns.has(name)) continue;
      columns += 1;
      text += name.length;
    }
    // The header and each row have a comma per column, and a line feed.
    return text + (this.rows.length + 2) * (columns + 1);
  }

  add(id: string, cells: ReadonlyMap<string, string>): void {
    this.#textBytes += id.length;
    for (const [name, value] of cells) {
      this.#textBytes += value.length;
      if (this.columns.has(name)) continue;
      this.columns.add(name);
      this.#textBytes += name.length;
    }
    this.rows.push({ id, cells });
  }

  encoded(firstRecord: number): EncodedBatch {
    const columns = [...this.columns];
    const lines = [`batch=${[this.#key, ...columns].join(',')}\n`];
    for (const { id, cells } of this.rows) {
      lines.push(`${[id, ...columns.map((name) => cells.get(name) ?? '')].join(',')}\n`);
    }
    return { bytes: new TextEncoder().encode(lines.join('')), rows: this.rows.length, firstRecord };
  }
}

/**
 * Encodes records into batch files, each as full as the limits allow. Records of one file may have
 * different attributes; its header names all of them. At most one file is kept in memory.
 *
 * @param key the kind of the records' ids
 * @throws RangeError for a record that fits into no file: without an id, without an attribute, or
 *   too large
 */
export async function* encodeBatches(
  records: AsyncIterable<ProfileRecord> | Iterable<ProfileRecord>,
  key: BatchKey,
  { maxBytes = 49_999_999, maxRows = 500_000 }: BatchLimits = {},
): AsyncGenerator<EncodedBatch, void, undefined> {
  let batch = new OpenBatch(key);
  let count = 0;
  let first = 0;
  for await (const record of records) {
    const { id, cells } = cellsOf(record, count);
    if (batch.rows.length >= maxRows || (batch.rows.length > 0 && batch.bytesWith(id, cells) > maxBytes)) {
      yield batch.encoded(first);
      batch = new OpenBatch(key);
      first = count;
    }
    if (batch.bytesWith(id, cells) > maxBytes) throw new RangeError(`record ${count}: too large for a batch`);
    batch.add(id, cells);
    count += 1;
  }
  if (batch.rows.length > 0) yield batch.encoded(first);
}

function cellsOf(record: ProfileRecord, place: number) {
  if (typeof record !== 'object' || record === null) {
    throw new RangeError(`record ${place}: must be an object with id and attributes`);
  }
  const { id, attributes } = record;
  if (typeof id !== 'string' || id === '') throw new RangeError(`record ${place}: id: must not be empty`);
  if (typeof attributes !== 'object' || attributes === null) {
    throw new RangeError(`record ${place}: attributes: must be an object`);
  }
  const cells = new Map<string, string>();
  for (const [name, value] of Object.entries(attributes)) {
    if (name === '') throw new RangeError(`record ${place}: an attribute name must not be empty`);
    if (value === undefined) continue;
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw new RangeError(`record ${place}: ${name}: must be a string, a number or a boolean`);
    }
    cells.set(encodeURIComponent(name), encodeURIComponent(String(value)));
  }
  // A header names at least one attribute.
  if (cells.size === 0) throw new RangeError(`record ${place}: attributes: must name at least one`);
  return { id: encodeURIComponent(id), cells };
}
