import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BatchRow } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { writeHeader, writeRow } from './batch-text.ts';
import { copyRows } from './batch-writer.ts';

function read(file: string | Uint8Array): { reader: BatchReader; rows: BatchRow[] } {
  const reader = new BatchReader();
  return { reader, rows: [...reader.push(Buffer.from(file)), ...reader.end()] };
}

test.each<[id: string, values: (string | undefined)[], row: string]>([
  ['1', ['x', 'y'], '1,x,y\n'],
  ['1', ['x', undefined, ''], '1,x\n'],
  ['1', [undefined, '', 'z'], '1,,,z\n'],
  ['1', [], '1\n'],
  ['', ['x'], ',x\n'],
  ['', [], ',\n'],
  ['abc.28_20', [' a,b\r\n'], 'abc.28_20,%20a%2Cb%0D%0A\n'],
  ['1', ['+%é😀\0'], '1,%2B%25%C3%A9%F0%9F%98%80%00\n'],
])('a row with the id %j and the cells %j is written', (id, values, row) => {
  expect(writeRow(id, values)).toBe(row);
});

test('a header row is written', () => {
  expect(writeHeader('thirdPartyId', ['a', 'b c', '__proto__'])).toBe(
    'batch=thirdPartyId,a,b%20c,__proto__\n',
  );
});

test('a lone surrogate is refused, because UTF-8 cannot represent it', () => {
  expect(() => writeRow('1', ['\ud800'])).toThrow('"\\ud800" is not well-formed Unicode');
});

const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => value.isWellFormed());
const name = text.filter((value) => value !== '' && !/^(user|profile)\./.test(value) && value !== 'pcId');
const id = text.filter((value) => value !== '').map((value) => value.replaceAll('.', '-'));

test('the reader returns what the writer wrote', () => {
  const table = fc.uniqueArray(name, { maxLength: 4 }).chain((names) =>
    fc.record({
      names: fc.constant(names),
      rows: fc.array(
        fc.record({ id, values: fc.array(fc.option(text, { nil: undefined }), { maxLength: names.length }) }),
        { maxLength: 5 },
      ),
    }),
  );
  fc.assert(
    fc.property(table, ({ names, rows }) => {
      const file = writeHeader('pcId', names) + rows.map((row) => writeRow(row.id, row.values)).join('');
      const { reader, rows: found } = read(file);
      expect(reader.header?.names).toEqual(names);
      expect(found.length).toBe(rows.length);
      found.forEach((row, index) => {
        const { id: written, values } = rows[index]!;
        const settings = values.map((value, column) => [names[column], value]).filter(([, value]) => value);
        if (settings.length === 0) expect(row.kind).toBe('skipped');
        else {
          expect(row).toMatchObject({ kind: 'update', id: { kind: 'tntId', value: written } });
          expect(row.kind === 'update' && [...row.settings]).toEqual(settings);
        }
      });
    }),
    { numRuns: 500 },
  );
});

describe('a file of selected rows', () => {
  const file = Buffer.from('\uFEFFbatch=pcId, a,b%20c\r\n1,x\r\n\n.bad,%C3%A9 ,y\r\n2,z\n3,%zz');
  async function copied(rows: readonly BatchRow[], from = file): Promise<string> {
    const parts: Uint8Array[] = [];
    const bytesOf = async function* (start: number, end: number) {
      // In two pieces, as a file may come.
      yield from.subarray(start, start + 2);
      yield from.subarray(Math.min(start + 2, end), end);
    };
    for await (const part of copyRows(read(file).reader.header!, rows, bytesOf)) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  test('has the header and the exact bytes of the rows, each with a line end', async () => {
    const failed = read(file).rows.filter((row) => row.kind === 'failed');
    expect(await copied(failed)).toBe('batch=pcId,a,b%20c\n.bad,%C3%A9 ,y\r\n3,%zz\n');
  });

  test('can be sent again and gives the same rows', async () => {
    const all = read(file).rows;
    const again = read(await copied(all)).rows;
    const outcome = ({ line: _line, start: _start, next: _next, ...rest }: BatchRow) => rest;
    expect(again.map(outcome)).toEqual(all.map(outcome));
  });

  test('reports when the kept file is shorter than it was', async () => {
    await expect(copied(read(file).rows, file.subarray(0, 40))).rejects.toThrow('within a row');
  });
});
