import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchRows, type RowUpdate } from './batch-rows.ts';

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

test.each(['tntId', 'thirdPartyId'] as const)('gives back the plain rows it was made of (%s)', (kind) => {
  fc.assert(
    fc.property(rowsOf(kind), (rows) => {
      const packed = BatchRows.of(rows, 1_700_000_000_000);
      expect(packed).toHaveLength(rows.length);
      expect([...packed]).toEqual(rows);
      expect(rows.map((_, index) => packed.row(index))).toEqual(rows);
    }),
    { numRuns: 60 },
  );
});

test('cleared, it is filled anew', () => {
  const row: RowUpdate = {
    ...{ line: 2, start: 10, next: 20, rawId: 'a.1', id: { kind: 'tntId', value: 'a' } },
    settings: new Map([['x', '1']]),
  };
  const packed = BatchRows.of([row, row], 1);
  packed.clear(2);
  expect([...packed]).toEqual([]);
  packed.add({ ...row, line: 3 });
  expect([...packed]).toEqual([{ ...row, line: 3 }]);
});
