import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchReader } from './batch-reader.ts';
import type { BatchKey } from './column-name.ts';
import { csvToBatch, type RefusedRecord } from './csv-to-batch.ts';

interface Converted {
  readonly batch: string;
  readonly refused: RefusedRecord[];
  readonly lines: number[];
}

async function convert(
  csv: string | Uint8Array,
  {
    size = 1000,
    as = 'thirdPartyId' as BatchKey,
    key = 'crm_id',
    delimiter = undefined as string | undefined,
  } = {},
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
    delimiter,
    refused: (row: RefusedRecord) => refused.push(row),
    written: (line: number) => lines.push(line),
  };
  for await (const piece of csvToBatch(chunks, options)) batch += piece;
  return { batch, refused, lines };
}

describe('a CSV table becomes a batch', () => {
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
    ['CR', 'crm_id,plan\r1,gold\r\r2,red\r', 'batch=thirdPartyId,plan\n1,gold\n2,red\n'],
    ['the header in LF, rows in CRLF', 'crm_id,a\n1,x\r\n2,y\r\n', 'batch=thirdPartyId,a\n1,x\n2,y\n'],
    [
      'the header in CRLF, rows in LF and CR',
      'crm_id,a\r\n1,x\n2,y\r3,z\n',
      'batch=thirdPartyId,a\n1,x\n2,y\n3,z\n',
    ],
    [
      'the header in CR, rows in CRLF',
      'a,crm_id\rx,1\r\n"y\r\n\rz",2\r\n',
      'batch=thirdPartyId,a\n1,x\n2,y%0D%0A%0Dz\n',
    ],
    [
      'a BOM at the start of a line',
      '\uFEFFcrm_id,a\n\uFEFF1,x\r\uFEFF\uFEFF"2",y\r\n\uFEFF\n',
      'batch=thirdPartyId,a\n1,x\n2,y\n',
    ],
    ['a BOM before quotes in the header', '\uFEFF"crm_id","a"\n1,x\n', 'batch=thirdPartyId,a\n1,x\n'],
    [
      'a BOM elsewhere is data',
      'crm_id,a\n1,\uFEFFx\n2,"\n\uFEFFy"\n',
      'batch=thirdPartyId,a\n1,%EF%BB%BFx\n2,%0A%EF%BB%BFy\n',
    ],
    ['sep=;', 'sep=;\ncrm_id;a\n1;x,y\n', 'batch=thirdPartyId,a\n1,x%2Cy\n'],
    [
      'sep= with a BOM, quotes and CRLF',
      '\uFEFF"SEP=\t"\r\ncrm_id\ta\r\n1\tx\r\n',
      'batch=thirdPartyId,a\n1,x\n',
    ],
    ['a delimiter beyond ASCII', 'sep=¦\rcrm_id¦a\r1¦x\r', 'batch=thirdPartyId,a\n1,x\n'],
    ['a column called sep=', 'sep=;,crm_id\nx,1\n', 'batch=thirdPartyId,sep%3D%3B\n1,x\n'],
    ['a name of scripts, for its rows to fail', 'crm_id,user.a\n1,x\n', 'batch=thirdPartyId,user.a\n1,x\n'],
  ])('for the table: %s', async (_, csv, batch) => {
    for (const size of [1000, 3, 1]) expect((await convert(csv, { size })).batch).toBe(batch);
  });

  test('an explicit delimiter takes precedence over the line sep=, which is left out', async () => {
    const expected = 'batch=thirdPartyId,a\n1,%2C\n';
    for (const csv of ['crm_id;a\n1;,\n', 'sep=,\ncrm_id;a\n1;,\n', 'sep=;\ncrm_id;a\n1;,\n']) {
      for (const size of [1000, 1])
        expect((await convert(csv, { size, delimiter: ';' })).batch).toBe(expected);
    }
  });

  test('line numbers are those of the file, whatever the line ends and with a line sep= before them', async () => {
    const csv = 'sep=;\r\ncrm_id;a\r"1";"x\r\ny"\n\r2;z;z\r\n3;x';
    for (const size of [1000, 1]) {
      const { lines, refused } = await convert(csv, { size });
      expect(lines).toEqual([3, 7]);
      expect(refused.map(({ line }) => line)).toEqual([6]);
    }
  });

  test('the ids can be pcIds', async () => {
    expect((await convert('crm_id,a\nx.28_20,1', { as: 'pcId' })).batch).toBe('batch=pcId,a\nx.28_20,1\n');
  });
});

test('records that give no row are reported with line, id and reason; the others are converted', async () => {
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

describe('a table that cannot be read is refused with its line', () => {
  test.each<[what: string, csv: string | Uint8Array, message: string]>([
    ['empty', '', 'the file is empty, expected a header row'],
    [
      'no such column',
      'id;plan\n1;x',
      'line 1: no column is called "crm_id"; the columns are "id;plan"; see --delimiter',
    ],
    [
      'what cannot be seen in a name',
      'crm_id\u200b,plan\n1,x',
      'line 1: no column is called "crm_id"; the columns are "crm_id\\u200b", "plan"',
    ],
    ['a column without a name', 'crm_id,,a\n', 'line 1: column 2 has no name'],
    ['a name given twice', 'crm_id,a,a\n', 'line 1: the name "a" of column 3 is given twice'],
    ['the key given twice', 'crm_id,crm_id\n', 'line 1: the name "crm_id" of column 2 is given twice'],
    [
      'a name with the prefix of updates',
      'crm_id,profile.a\n',
      'line 1: the name "profile.a" of column 2 must not',
    ],
    ['a second kind of id', 'crm_id,pcId\n', 'line 1: the name "pcId" of column 2 is a second kind of id'],
    [
      'the kind of the ids again',
      'crm_id,thirdPartyId\n',
      'line 1: the name "thirdPartyId" of column 2 is given twice',
    ],
    [
      'sep= and no such column',
      'sep=;\nid;a\n',
      'line 2: no column is called "crm_id"; the columns are "id", "a"',
    ],
    ['sep= alone', 'sep=;\n', 'the file is empty, expected a header row'],
    [
      'not UTF-8, in lines that CR ends',
      Buffer.from('crm_id,a\r1,x\r2,\xe9\r', 'latin1'),
      'the file is not UTF-8 (on or after line 1)',
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
  ])('for the table: %s', async (_, csv, message) => {
    await expect(convert(csv)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(message),
    });
  });
});

test('the reader returns every cell unchanged', async () => {
  const cell = fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => text.isWellFormed());
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const records = fc.array(fc.tuple(fc.nat(), cell, cell), { maxLength: 6 });
  const lineEnds = fc.array(fc.constantFrom('\n', '\r\n', '\r'), { minLength: 6, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(records, lineEnds, fc.integer({ min: 1, max: 40 }), async (rows, ends, size) => {
      const lines = rows.map(([id, a, b], index) => `${quoted(a)},${id},${quoted(b)}${ends[index]}`);
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
