/** Reads the whole file that is to be imported before anything is sent. */

import { type BatchHeader, grouped, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../batches/batch-format.ts';
import { BatchReader } from '../batches/batch-reader.ts';
import { type BatchPart, BatchSplitter } from '../batches/split-batch.ts';
import { QuiverError } from '../errors.ts';
import { ClientFailure, EXIT } from './client-failure.ts';
import type { ImportSource } from './import-source.ts';

/** A row that will not be applied, by the line in the user's file. */
export interface BadRow {
  readonly line: number;
  readonly id: string;
  readonly reason: string;
}

export interface CheckedFile {
  readonly header: BatchHeader;
  readonly bytes: number;
  readonly rows: number;
  /** Rows that cannot be read, at most the first {@link KEPT_BAD_ROWS}. */
  readonly badRows: readonly BadRow[];
  readonly badCount: number;
  /** Number of rows without any value. */
  readonly skipped: number;
  /** The batches that the file is split into; one unless it exceeds the limits. */
  readonly parts: readonly BatchPart[];
  /** Whether the unchanged file is one batch. */
  readonly isOneBatch: boolean;
}

/** The most rows that are listed; further ones are only counted. */
export const KEPT_BAD_ROWS = 1000;

/** @throws ClientFailure `wrongUse` when the file is not a batch; never for a bad row */
export async function checkFile(source: ImportSource): Promise<CheckedFile> {
  const reader = new BatchReader();
  const found = new Findings(source);
  try {
    for await (const chunk of source.read()) found.take(reader, reader.push(chunk), chunk.length);
    found.take(reader, reader.end(), 0);
  } catch (error) {
    if (!(error instanceof QuiverError)) throw error;
    throw new ClientFailure(EXIT.wrongUse, `${source.name}: ${error.message}`, { cause: error });
  }
  return found.result(reader.header!);
}

class Findings {
  readonly #source: ImportSource;
  #splitter: BatchSplitter | undefined;
  #bytes = 0;
  #rows = 0;
  #skipped = 0;
  #badCount = 0;
  readonly #badRows: BadRow[] = [];

  constructor(source: ImportSource) {
    this.#source = source;
  }

  take(reader: BatchReader, rows: ReturnType<BatchReader['push']>, bytes: number): void {
    this.#bytes += bytes;
    if (reader.header === undefined) return;
    this.#splitter ??= new BatchSplitter(reader.header);
    for (const row of rows) {
      this.#rows += 1;
      this.#splitter.add(row);
      if (row.kind === 'skipped') this.#skipped += 1;
      if (row.kind !== 'failed') continue;
      this.#badCount += 1;
      if (this.#badRows.length === KEPT_BAD_ROWS) continue;
      this.#badRows.push({ line: this.#source.lineOf(row.line), id: row.rawId, reason: row.reason });
    }
  }

  result(header: BatchHeader): CheckedFile {
    return {
      header,
      bytes: this.#bytes,
      rows: this.#rows,
      badRows: this.#badRows,
      badCount: this.#badCount,
      skipped: this.#skipped,
      parts: this.#splitter?.end() ?? [],
      isOneBatch: this.#bytes <= MAX_BATCH_BYTES && this.#rows <= MAX_BATCH_ROWS,
    };
  }
}

/** A summary for the user: `people.batch: 500,000 rows, 2 of them bad, 43,000,000 bytes`. */
export function summaryOf(
  source: ImportSource,
  { rows, badCount, bytes, skipped, parts }: CheckedFile,
): string {
  const refused = source.refused.length;
  const facts = [
    `${grouped(rows + refused)} rows`,
    ...(badCount + refused > 0 ? [`${grouped(badCount + refused)} bad`] : []),
    ...(skipped > 0 ? [`${grouped(skipped)} without a value`] : []),
    `${grouped(bytes)} bytes`,
    ...(parts.length > 1 ? [`makes ${parts.length} batches`] : []),
  ];
  return `${source.name}: ${facts.join(', ')}`;
}
