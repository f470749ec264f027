/**
 * Converts a table from a spreadsheet or database (RFC 4180) to a batch, in the browser.
 *
 * The parser is the one of `quiver import --csv`, in its build for browsers, and the text is
 * written by the server's own module, so that both ways make the same batch of the same table.
 */

import { writeHeader, writeRow } from '../../../server/src/batches/batch-text.ts';
import { type BatchKey, columnProblem } from '../../../server/src/batches/column-name.ts';
import { quoted } from '../../../server/src/domain/visible-text.ts';

export interface CsvTable {
  readonly file: File;
  readonly columns: readonly string[];
  readonly records: readonly (readonly string[])[];
  /** The column that most likely contains the ids. */
  readonly likelyKey: number;
}

/** How the columns of a table are used. */
export interface CsvMapping {
  readonly key: number;
  readonly as: BatchKey;
  /** The attribute of each column; an empty name leaves the column out. */
  readonly names: readonly string[];
}

const MAX_BYTES = 50_000_000;
const DELIMITERS = [',', ';', '\t', '|'] as const;
const SEP_LINE = /^"?sep=([^"\r\n])"?(?:\r\n|[\r\n]|$)/i;

/** Whether a file is a batch already: it begins with `batch=`, or is compressed. */
export async function isBatchFile(file: File): Promise<boolean> {
  const start = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  if (start[0] === 0x1f && start[1] === 0x8b) return true;
  return /^\ufeff*batch=/.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(start));
}

/**
 * Reads a table.
 *
 * @throws Error when it is too large, is not UTF-8 or cannot be read; the message says why
 */
export async function readCsv(file: File): Promise<CsvTable> {
  if (file.size > MAX_BYTES) {
    throw new Error('It has more than 50 MB. quiver import --csv <file> sends it in parts.');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error('It is not UTF-8 text.');
  }
  const sep = SEP_LINE.exec(text);
  if (sep) text = text.slice(sep[0].length);
  // Loaded on demand, because most visits to the page never send a table.
  const { parse } = await import('csv-parse/browser/esm/sync');
  const rows: string[][] = parse(text, {
    delimiter: sep?.[1] ?? likelyDelimiter(text),
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
  });
  const [columns, ...records] = rows;
  if (columns === undefined || records.length === 0) throw new Error('It has no rows.');
  return { file, columns, records, likelyKey: Math.max(0, columns.findIndex(looksLikeId)) };
}

function looksLikeId(name: string): boolean {
  return /(^|[^a-z])id$|Id$|ID$/.test(name) || /^(id|pcid|thirdpartyid)$/i.test(name);
}

/** The delimiter that is most frequent in the first line. */
function likelyDelimiter(text: string): string {
  const [line = ''] = text.split(/[\r\n]/, 1);
  const times = (delimiter: string) => line.split(delimiter).length;
  return DELIMITERS.reduce((best, one) => (times(one) > times(best) ? one : best));
}

/** What is wrong with a mapping; undefined when a batch can be made with it. */
export function mappingProblem(table: CsvTable, { key, as, names }: CsvMapping): string | undefined {
  const used = names.filter((name, at) => at !== key && name !== '');
  if (used.length === 0) return 'At least one column must be an attribute.';
  for (const name of used) {
    const problem =
      used.indexOf(name) === used.lastIndexOf(name) ? columnProblem(name, as) : 'is given twice';
    if (problem !== undefined) return `The name ${quoted(name)} ${problem}.`;
  }
  return table.columns.length > names.length ? 'A column has no mapping.' : undefined;
}

/**
 * Makes a batch from a table.
 *
 * @returns the batch as a file, and what is wrong with each record that is not in it
 */
export function batchOf(
  { file, columns, records }: CsvTable,
  { key, as, names }: CsvMapping,
): { readonly file: File; readonly problems: readonly string[] } {
  const used = names.flatMap((name, at) => (at !== key && name !== '' ? [at] : []));
  const pieces = [
    writeHeader(
      as,
      used.map((at) => names[at]!),
    ),
  ];
  const problems: string[] = [];
  for (const [at, record] of records.entries()) {
    if (record.length === columns.length)
      pieces.push(
        writeRow(
          record[key]!,
          used.map((of) => record[of]),
        ),
      );
    else problems.push(`Record ${at + 1} has ${record.length} cells, the header ${columns.length}`);
  }
  const name = `${file.name.replace(/\.\w+$/, '')}.batch`;
  return { file: new File(pieces, name, { type: 'text/plain' }), problems };
}
