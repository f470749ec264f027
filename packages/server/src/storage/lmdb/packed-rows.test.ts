import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RowCollector, RowUpdate } from '../batch-rows.ts';
import { PlainRows } from '../plain-rows.ts';
import { PackedRows } from './packed-rows.ts';

const COLUMNS = ['a', '"', 'é', '__proto__'];
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((one) => one.isWellFormed());
const name = text.filter((one) => one !== '');
const rowsOf = (kind: 'tntId' | 'thirdPartyId') =>
  fc.array(
    fc.record<RowUpdate>({
      line: fc.nat(),
      start: fc.nat(),
      next: fc.nat(),
      rawId: text,
      id: text.map((value) => ({ kind, value })),
      settings: fc.array(fc.tuple(name, text), { minLength: 1, maxLength: 5 }).map((pairs) => new Map(pairs)),
    }),
    { maxLength: 150 },
  );

/** Passes one row to a collector, as the reader of a file does. */
interface ReadRow {
  readonly id: string;
  readonly rawId: string | undefined;
  readonly values: readonly (readonly [column: number, value: string])[];
  readonly isDropped: boolean;
  readonly place: number;
}

const ascii = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 });
const value = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }),
  text.filter((one) => one !== ''),
  ascii,
  fc.integer({ min: 120, max: 140 }).map((length) => 'v'.repeat(length)),
  fc.integer({ min: 16_382, max: 16_386 }).map((length) => 'v'.repeat(length)),
  fc.integer({ min: 8_190, max: 8_194 }).map((length) => '\n'.repeat(length)),
);
const readRow = fc.record<ReadRow>({
  id: ascii,
  rawId: fc.option(ascii, { nil: undefined }),
  values: fc.uniqueArray(fc.tuple(fc.nat(COLUMNS.length - 1), value), {
    selector: ([column]) => column,
    minLength: 1,
    maxLength: COLUMNS.length,
  }),
  isDropped: fc.boolean(),
  place: fc.nat(1000),
});

/** Passes a row in memory that the next row will overwrite. */
function collect(rows: RowCollector, { id, rawId, values, isDropped, place }: ReadRow): void {
  const lent = Buffer.alloc(
    2 +
      Math.max(
        ...[id, rawId ?? '', ...values.map(([, given]) => given)].map((one) => Buffer.byteLength(one)),
      ),
  );
  const lend = (given: string) => 2 + lent.write(given, 2, 'utf8');
  rows.startRow(lent, 2, lend(id));
  if (rawId !== undefined) rows.rawId(lent, 2, lend(rawId));
  for (const [column, given] of values) {
    rows.addValue(column, lent, 2, lend(given), /^[ !#-[\]-~]*$/.test(given));
  }
  if (!isDropped) rows.endRow(place, place + 1, place + 2, place + 3);
  lent.fill(0);
}

test.each(['tntId', 'thirdPartyId'] as const)(
  'packed rows unpack to the plain rows they were made of (%s)',
  (kind) => {
    fc.assert(
      fc.property(rowsOf(kind), (rows) => {
        const packed = PackedRows.of(PlainRows.of(rows, 1_700_000_000_000));
        expect(packed).toHaveLength(rows.length);
        expect([...packed]).toEqual(rows);
        expect(PackedRows.of(packed)).toBe(packed);
      }),
      { numRuns: 60 },
    );
  },
);

test('packed rows collect from a file what plain rows collect', () => {
  fc.assert(
    fc.property(fc.array(readRow, { maxLength: 20 }), rowsOf('tntId'), (read, added) => {
      const packed = new PackedRows('tntId', COLUMNS);
      const plain = new PlainRows('tntId', COLUMNS);
      for (const rows of [packed, plain]) {
        rows.clear(5);
        for (const row of read) collect(rows, row);
      }
      expect([...packed]).toEqual([...plain]);
      for (const rows of [packed, plain]) {
        rows.clear(6);
        for (const row of added) rows.add({ ...row, nth: 1 });
        for (const row of read) collect(rows, row);
        expect(rows.at).toBe(6);
      }
      expect([...packed]).toEqual([...plain]);
    }),
    { numRuns: 100 },
  );
});
