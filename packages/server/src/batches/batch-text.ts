/**
 * The batch format as text (contract section 6). The reader returns exactly what is written here.
 *
 * Imports nothing that needs Node, because the console writes batches too.
 */

import type { BatchKey } from './column-name.ts';

/**
 * `batch=` and the header row, with its line end.
 *
 * @param names attribute names without `profile.`; they are written as they are, and checked by the
 *   reader
 * @throws RangeError when a name is not well-formed Unicode
 */
export function writeHeader(key: BatchKey, names: readonly string[]): string {
  return `batch=${[key, ...names.map(writeCell)].join(',')}\n`;
}

/**
 * One row with its line end.
 *
 * @param id with its location hint, if it has one
 * @param values in the order of the header's names; undefined and empty values set nothing, because
 *   the format cannot express them
 * @throws RangeError when the id or a value is not well-formed Unicode
 */
export function writeRow(id: string, values: readonly (string | undefined)[]): string {
  let row = writeCell(id);
  let empty = '';
  for (const value of values) {
    empty += ',';
    if (value === undefined || value === '') continue;
    row += empty + writeCell(value);
    empty = '';
  }
  // A row must contain something besides its line end.
  return row === '' ? ',\n' : `${row}\n`;
}

/**
 * One cell. Encodes everything except letters, digits and `-_.!~*'()`, so that servers that decode
 * the file as a form also read it correctly.
 */
export function writeCell(text: string): string {
  if (PLAIN.test(text)) return text;
  if (!text.isWellFormed()) throw new RangeError(`${JSON.stringify(text)} is not well-formed Unicode`);
  return encodeURIComponent(text);
}
const PLAIN = /^[\w.!~*'()-]*$/;
