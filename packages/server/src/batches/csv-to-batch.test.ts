import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BatchKey } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { csvToBatch, type RefusedRecord } from './csv-to-batch.ts';

interface Converted {
  readonly batch: string;
  readonly refused: RefusedRecord[];
  readonly lines: number[];
}

async function convert(
  csv: string | Uint8Array,
  { size = 1000, as = 'thirdPartyId' as BatchKey, key = 'crm_id' } = {},
): Promise<Converted> {
  const bytes = Buffer.from(csv);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  const refused: RefusedRecord[] = [];
  const lines: number[] = [];
  let batch = '';
  const options = {
    key,
    as,
    refused: (row: RefusedRecord) => refused.push(row),
    written: (line: number) => lines.push(line),
  };
  for await (const piece of csvToBatch(chunks, options)) batch += piece;
  return { batch, refused, lines };
}

describe('a table becomes a batch', () => {
  test.each<[what: string, csv: string, batch: string]>([
    ['the key first', 'crm_id,plan\n1,gold\n', 'batch=thirdPartyId,plan\n1,gold\n'],
    ['the key elsewhere', 'plan,crm_id,city\ngold,1,Rome\n', 'batch=thirdPartyId,plan,city\n1,gold,Rome\n'],
    ['CRLF and a BOM', '\uFEFFcrm_id,plan\r\n1,gold\r\n2,red', 'batch=thirdPartyId,plan\n1,gold\n2,red\n'],
    ['quotes', 'crm_id,plan\n"1","a,""b""\nc"\n', 'batch=thirdPartyId,plan\n1,a%2C%22b%22%0Ac\n'],
    ['blanks are data', 'crm_id,plan\n1, gold \n', 'batch=thirdPartyId,plan\n1,%20gold%20\n'],
    ['empty cells', 'crm_id,a,b\n1,,x\n2,"",\n,,\n', 'batch=thirdPartyId,a,b\n1,,x\n2\n,\n'],
    ['blank lines', 'crm_id,a\n\n1,x\n\n', 'batch=thirdPartyId,a\n1,x\n'],
    ['letters', 'crm_id,prénom\nß,😀\n', 'batch=thirdPartyId,pr%C3%A9nom\n%C3%9F,%F0%9F%98%80\n'],
    ['no rows', 'crm_id,a\n', 'batch=thirdPartyId,a\n'],
  ])('%s', async (_, csv, batch) => {
    for (const size of [1000, 3, 1]) expect((await convert(csv, { size })).batch).toBe(batch);
  });

  test('as pcId', async () => {
    expect((await convert('crm_id,a\nx.28_20,1', { as: 'pcId' })).batch).toBe('batch=pcId,a\nx.28_20,1\n');
  });
});

test('records that make no row are told with line, id and reason; the others go on', async () => {
  const csv = 'crm_id,a\n1,x\n,x\n\n"a/b","x\ny"\n2,x,y\n3\n4,"1\r\n2"\n5,x\n';
  const { batch, refused, lines } = await convert(csv);
  expect(batch).toBe('batch=thirdPartyId,a\n1,x\n4,1%0D%0A2\n5,x\n');
  expect(refused).toEqual([
    { line: 3, id: '', reason: 'the id (crm_id) is missing' },
    { line: 5, id: 'a/b', reason: 'the id (crm_id) must not contain + or /' },
    { line: 7, id: '2', reason: 'the record has 3 cells, the header 2' },
    { line: 8, id: '3', reason: 'the record has 1 cells, the header 2' },
  ]);
  expect(lines).toEqual([2, 9, 11]);
});

describe('a table that cannot be read is refused, with the line', () => {
  test.each<[what: string, csv: string | Uint8Array, message: string]>([
    ['empty', '', 'the file is empty, expected a header row'],
    ['no such column', 'id;plan\n1;x', 'line 1: no column is called "crm_id"; the columns are "id;plan"'],
    ['a column without a name', 'crm_id,,a\n', 'line 1: column 2 has no name'],
    ['a name given twice', 'crm_id,a,a\n', 'line 1: the name "a" of column 3 is given twice'],
    ['the key given twice', 'crm_id,crm_id\n', 'line 1: the name "crm_id" of column 2 is given twice'],
    [
      'a name of scripts',
      'crm_id,user.a\n',
      'line 1: the name "user.a" of column 2 must not start with "user."',
    ],
    ['an open quote', 'crm_id,a\n1,"x\n', 'line 2: the file ends within quotes'],
    ['a quote within', 'crm_id,a\n1,x"y\n', 'line 2: there is a quote within a cell'],
    ['text behind a quote', 'crm_id,a\n1,"x"y\n', 'line 2: there is text behind a closing quote'],
    ['not UTF-8', Buffer.from('crm_id,a\n1,\xe9\n', 'latin1'), 'the file is not UTF-8 (on or after line'],
    [
      'a letter cut at the end',
      Buffer.from('crm_id,a\n1,\xc3', 'latin1'),
      'the file is not UTF-8 (at its end)',
    ],
    [
      'a record too long',
      `crm_id,a\n1,${'x'.repeat(3_000_000)}`,
      'line 2: a record is longer than 2,097,152 bytes',
    ],
  ])('%s', async (_, csv, message) => {
    await expect(convert(csv)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(message),
    });
  });
});

test('whatever the cells say, the reader returns it', async () => {
  const cell = fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => text.isWellFormed());
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const records = fc.array(fc.tuple(fc.nat(), cell, cell), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(records, fc.integer({ min: 1, max: 40 }), async (rows, size) => {
      const lines = rows.map(([id, a, b]) => `${quoted(a)},${id},${quoted(b)}\r\n`);
      const { batch } = await convert(`a,crm_id,b\r\n${lines.join('')}`, { size });
      const reader = new BatchReader();
      const found = [...reader.push(Buffer.from(batch)), ...reader.end()];
      const settings = found.map((row) =>
        row.kind === 'update' ? [row.id.value, ...row.settings] : row.kind,
      );
      expect(settings).toEqual(
        rows.map(([id, a, b]) => {
          const set = Object.entries({ a, b }).filter(([, value]) => value !== '');
          return set.length === 0 ? 'skipped' : [String(id), ...set];
        }),
      );
    }),
    { numRuns: 200 },
  );
});
