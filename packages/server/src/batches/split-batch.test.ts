import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchCheck, type BatchLimits } from './batch-check.ts';
import type { BatchRow } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { BatchSplitter, lineInWhole, partBytes } from './split-batch.ts';

function read(file: Uint8Array): { header: NonNullable<BatchReader['header']>; rows: BatchRow[] } {
  const reader = new BatchReader();
  const rows = [...reader.push(file), ...reader.end()];
  return { header: reader.header!, rows };
}

async function split(
  file: Buffer,
  limits: BatchLimits,
): Promise<{ text: Buffer; lineOf: (line: number) => number }[]> {
  const { header, rows } = read(file);
  const splitter = new BatchSplitter(header, limits);
  for (const row of rows) splitter.add(row);
  const found = [];
  for (const part of splitter.end()) {
    const pieces: Uint8Array[] = [];
    const bytes = async function* (start: number, end: number) {
      yield file.subarray(start, end);
    };
    for await (const piece of partBytes(header, part, bytes)) pieces.push(piece);
    const text = Buffer.concat(pieces);
    expect(part).toMatchObject({ bytes: text.length, rows: read(text).rows.length });
    found.push({ text, lineOf: (line: number) => lineInWhole(part, line) });
  }
  return found;
}

const file = Buffer.from('\uFEFFbatch=pcId,a\r\n1,x\r\n\n2,y\n3,%zz\n\n\n4,z');

test.each<[what: string, limits: BatchLimits, parts: string[]]>([
  ['within the limits: one', {}, ['1,x\r\n\n2,y\n3,%zz\n\n\n4,z']],
  ['by rows', { rows: 2 }, ['1,x\r\n\n2,y\n', '3,%zz\n\n\n4,z']],
  ['one by one', { rows: 1 }, ['1,x\r\n', '2,y\n', '3,%zz\n', '4,z']],
  ['by bytes, blank lines counted', { bytes: 13 + 10 }, ['1,x\r\n\n2,y\n', '3,%zz\n', '4,z']],
])('a file is split: %s', async (_, limits, parts) => {
  expect((await split(file, limits)).map(({ text }) => text.toString())).toEqual(
    parts.map((rows) => `batch=pcId,a\n${rows}`),
  );
});

test('a row that does not fit even alone is refused', async () => {
  await expect(split(file, { bytes: 18 })).rejects.toThrow(
    'line 5: with the header the row is larger than 18 bytes',
  );
});

test('a file without rows gives no parts', async () => {
  expect(await split(Buffer.from('batch=pcId,a\n\n'), {})).toEqual([]);
});

test('the parts together hold every row once and in order, and each part is accepted', async () => {
  const bytes = fc.array(fc.constantFrom(...Buffer.from(',\n\n\r 1x%')), { maxLength: 60 });
  const limit = fc.record({ rows: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 80, max: 120 }) });
  await fc.assert(
    fc.asyncProperty(bytes, limit, async (body, limits) => {
      const whole = Buffer.concat([Buffer.from('batch=pcId,a\n'), Buffer.from(body)]);
      const outcome = ({ start: _start, next: _next, ...rest }: BatchRow) => rest;
      const found = [];
      for (const { text, lineOf } of await split(whole, limits)) {
        const check = new BatchCheck(limits);
        check.push(text);
        check.end();
        found.push(...read(text).rows.map((row) => outcome({ ...row, line: lineOf(row.line) })));
      }
      expect(found).toEqual(read(whole).rows.map(outcome));
    }),
    { numRuns: 300 },
  );
});
