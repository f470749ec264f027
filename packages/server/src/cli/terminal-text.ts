/** What the client commands write: data on stdout, all else on stderr. */

/** Writes data; each line ends with a line feed. */
export function writeData(text: string): void {
  process.stdout.write(text);
}

/** Writes one line for the person, not for a program. */
export function writeNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * A value as it may be shown on a terminal: control characters as escapes, so that no value can move the cursor or end a line.
 * To be used for all that came from a file or a server.
 */
export function shown(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
// C0 and C1 controls, and the marks that reorder text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the very characters to be shown as escapes
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Rows of cells in aligned columns, two blanks between, the last column not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column === row.length - 1 ? cell : cell.padEnd(widths[column]!),
      );
      return `${cells.join('  ')}\n`;
    })
    .join('');
}
