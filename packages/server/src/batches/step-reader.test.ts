import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PlainRows } from '../storage/plain-rows.ts';
import type { BatchRow } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { type ReadStep, type ReadStepsOptions, readSteps } from './step-reader.ts';

/** The content of a step in the form of the reader's rows. */
interface Read {
  readonly updates: object[];
  readonly failures: object[];
  readonly rows: number;
  readonly after: object;
}

function readPlainly(file: Buffer): Read {
  const reader = new BatchReader();
  const rows: BatchRow[] = [...reader.push(file), ...reader.end()];
  return {
    updates: rows.flatMap(({ kind, ...row }, place) =>
      kind === 'update' ? [{ ...row, nth: place + 1 }] : [],
    ),
    failures: rows.filter(({ kind }) => kind === 'failed'),
    rows: rows.length,
    after: { offset: file.length },
  };
}

const collector: ReadStepsOptions['collector'] = (kind, columns) => new PlainRows(kind, columns);

async function readInSteps(file: Buffer, rowsPerStep = 1000, size = file.length || 1): Promise<Read> {
  const reader = new BatchReader();
  reader.push(file);
  const header = reader.header!;
  const chunks = [];
  for (let at = header.end.offset; at < file.length; at += size) chunks.push(file.subarray(at, at + size));
  const from = { header, cursor: header.end };
  const updates: object[] = [];
  const failures: object[] = [];
  let rows = 0;
  let last: ReadStep | undefined;
  for await (const step of readSteps(chunks, {
    from,
    rowsPerStep,
    collector,
    now: () => 1_700_000_000_000,
  })) {
    expect(step.rows).toBeLessThanOrEqual(rowsPerStep);
    updates.push(...Array.from(step.updates, (row) => ({ ...row, nth: rows + row.nth! })));
    failures.push(...step.failures);
    rows += step.rows;
    last = step;
    step.release();
  }
  return { updates, failures, rows, after: { offset: last?.after.offset ?? file.length } };
}

const bytes = (special: string, more: number[]) =>
  fc
    .array(fc.constantFrom(...Buffer.from(special), ...more), { maxLength: 90 })
    .map((list) => Buffer.from(list));
/** Bytes with a meaning in the format or in JSON, mostly such that form complete rows. */
const rows = bytes(
  ',,,,\n\n\n\r%%+ \tab123"\\/cC34fFeE9.',
  [0, 1, 0x1f, 0x7f, 0x80, 0xa9, 0xc3, 0xe2, 0xf0, 0x9f, 0x98, 0xff],
);
const cell = fc.oneof(
  fc.string({ maxLength: 6 }).map((text) => text.replace(/[,\n]/g, '')),
  fc.string({ unit: 'grapheme', maxLength: 4 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.constantFrom(
    '',
    ' ',
    '+',
    '%2B',
    '%2F',
    'a/b',
    '%22',
    '%5C',
    '%00',
    '"',
    '\\',
    'x\ty',
    'é',
    '%C3%A9',
    '%zz',
    '%4',
    'a.b',
    'a.1_2',
    '.a',
    'a.b.c',
    '\uFEFF1',
    '\uFEFF',
  ),
);
const lines = fc
  .array(fc.array(cell, { minLength: 1, maxLength: 5 }), { maxLength: 12 })
  .map((table) => Buffer.from(table.map((cells) => cells.join(',')).join('\n')));
const file = fc
  .tuple(fc.constantFrom('pcId', 'thirdPartyId'), fc.constantFrom('', ',user.x'), fc.oneof(rows, lines))
  .map(([key, scripts, body]) => Buffer.concat([Buffer.from(`batch=${key},a,%22,%C3%A9${scripts}\n`), body]));

describe('rows read in steps', () => {
  test('are the rows of the plain reader for any file', async () => {
    await fc.assert(
      fc.asyncProperty(file, async (one) => {
        const plain = readPlainly(one);
        const read = await readInSteps(one);
        expect(read.updates).toEqual(plain.updates);
        expect(read.failures).toEqual(plain.failures);
        expect(read.rows).toBe(plain.rows);
      }),
      { numRuns: 1500 },
    );
  });

  test('do not depend on where steps and cuts fall', async () => {
    await fc.assert(
      fc.asyncProperty(
        file,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 9 }),
        async (one, perStep, size) => {
          const { after: _, ...whole } = await readInSteps(one);
          const { after, ...read } = await readInSteps(one, perStep, size);
          expect(read).toEqual(whole);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('can be continued from the end of a step', async () => {
    const one = Buffer.from(`batch=pcId,a\n1,x\n\n2,%\n 3,y\r\n4\n,\n5,z\n\n6,é`);
    const all = readPlainly(one);
    const reader = new BatchReader();
    reader.push(one);
    const header = reader.header!;
    let cursor = header.end;
    const updates: object[] = [];
    for (let rowsBefore = 0; rowsBefore < all.rows; ) {
      const chunks = [one.subarray(cursor.offset)];
      const options = { from: { header, cursor }, rowsPerStep: 2, collector, now: () => 1 };
      for await (const step of readSteps(chunks, options)) {
        const rows = rowsBefore;
        updates.push(...Array.from(step.updates, (row) => ({ ...row, nth: rows + row.nth! })));
        rowsBefore += step.rows;
        cursor = { ...step.after, rows: rowsBefore };
        break;
      }
    }
    expect(updates).toEqual(all.updates);
  });

  test('include long rows, and rows that grow when decoded, as the plain reader reads them', async () => {
    const controls = '%01'.repeat(20_000);
    const long = 'v'.repeat(1024 * 1024);
    const body = `1,${controls}\n2,${long}\n${' '.repeat(2 * 1024 * 1024)}\n3,${long.slice(10)},x\n4,\u0001${controls}`;
    const one = Buffer.from(`batch=pcId,a,b\n${body}`);
    const plain = readPlainly(one);
    const read = await readInSteps(one, 1000, 64 * 1024);
    expect(read.updates).toEqual(plain.updates);
    expect(read.failures).toEqual(plain.failures);
  });
});
