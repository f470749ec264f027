import { idProblem, parseTntId } from '../domain/visitor-id.ts';
import type { BatchRow } from './batch-format.ts';

/** The rows of a small batch of `pcId,a,b,c`, read as the spec puts it, without a thought to speed: what the reader is held to. */
export function plainRead(file: Buffer): BatchRow[] {
  const rows: BatchRow[] = [];
  let start = 0;
  file
    .toString('latin1')
    .split(/(?<=\n)/)
    .forEach((lineText, index) => {
      const place = { line: index + 1, start, next: start + lineText.length };
      start = place.next;
      const cells = lineText
        .replace(/\n$/, '')
        .split(',')
        .map((cell) => cell.replace(/^[ \t\r]+|[ \t\r]+$/g, ''));
      if (index > 0 && cells.join(',') !== '') rows.push(plainRow(cells, place));
    });
  return rows;
}

function plainRow(cells: string[], place: { line: number; start: number; next: number }): BatchRow {
  const rawId = Buffer.from(cells[0]!, 'latin1').toString();
  const failed = (reason: string): BatchRow => ({ kind: 'failed', ...place, rawId, reason });
  if (cells.length > 4) return failed(`the row has ${cells.length} cells, the header 4`);
  const texts: string[] = [];
  for (const [column, cell] of cells.entries()) {
    const what = column === 0 ? 'the id' : `the value of "${'abc'[column - 1]}"`;
    if (/%(?![0-9a-f]{2})/i.test(cell)) {
      return failed(`${what} has a % that is not followed by two hex digits (write %25 for a percent sign)`);
    }
    const bytes = cell
      .replaceAll('+', ' ')
      .replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    try {
      texts.push(
        new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1')),
      );
    } catch {
      return failed(`${what} is not UTF-8`);
    }
  }
  const settings = new Map(
    texts
      .slice(1)
      .map((text, index) => ['abc'[index]!, text])
      .filter(([, text]) => text !== '') as [string, string][],
  );
  if (settings.size === 0) return { kind: 'skipped', ...place };
  const id = texts[0]!;
  const problem = id === '' ? 'is missing' : idProblem('tntId', id);
  if (problem !== undefined) return failed(`the id ${problem}`);
  return { kind: 'update', ...place, id: parseTntId(id).id, rawId, settings };
}
