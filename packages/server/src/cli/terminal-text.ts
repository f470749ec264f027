/** What the client commands print: data on stdout, everything else on stderr. */

/** Writes data; each line ends with a line feed. */
export function writeData(text: string): void {
  process.stdout.write(text);
}

/** Writes one line for the user, not for a program. */
export function writeNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * A value in a form that is safe to print on a terminal: it cannot move the cursor, end a line or
 * disguise itself. Use this for everything that came from a file or a server.
 */
export { visibleText as shown } from '../domain/visible-text.ts';

/** Rows of cells in aligned columns, separated by two spaces; the last column is not padded. */
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
