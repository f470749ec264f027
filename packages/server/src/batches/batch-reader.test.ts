import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { workOf } from '../../test/work-of.ts';
import { idProblem, parseTntId } from '../domain/visitor-id.ts';
import { type BatchRow, cursorAfter, MAX_ROW_BYTES } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';

/** A row as short as it can be written: `update a x=1`, `skipped`, `failed 5: reason`. */
function short(row: BatchRow): string {
  if (row.kind === 'skipped') return 'skipped';
  if (row.kind === 'failed') return `failed ${row.rawId}: ${row.reason}`;
  const settings = [...row.settings].map(([name, value]) => `${name}=${value}`).join(' ');
  return `update ${row.id.value} ${settings}`;
}

function readAll(file: Uint8Array, size = file.length || 1): BatchRow[] {
  const reader = new BatchReader();
  const rows: BatchRow[] = [];
  for (let at = 0; at < file.length; at += size) rows.push(...reader.push(file.subarray(at, at + size)));
  rows.push(...reader.end());
  return rows;
}

const MORE = 'the row has 4 cells, the header 3';
const ESCAPE = 'has a % that is not followed by two hex digits (write %25 for a percent sign)';

describe('the rows of a batch (contract section 6)', () => {
  test.each<[what: string, rows: string, expected: string[]]>([
    ['LF', '1,x,y\n2,z\n', ['update 1 a=x b=y', 'update 2 a=z']],
    ['CRLF', '1,x,y\r\n2,z\r\n', ['update 1 a=x b=y', 'update 2 a=z']],
    ['the last row needs no end', '1,x', ['update 1 a=x']],
    ['a CR alone ends the file', '1,x\r', ['update 1 a=x']],
    ['a CR within a cell is part of it', '1,x\ry', ['update 1 a=x\ry']],
    ['blank lines are not rows', '\n \n\t\r\n1,x\n\n\r\n', ['update 1 a=x']],
    ['a shorter row', '1,,y', ['update 1 b=y']],
    ['empty cells are ignored', '1,,\n2, ,z', ['skipped', 'update 2 b=z']],
    ['no value: skipped', '1\n2,\n,,\n', ['skipped', 'skipped', 'skipped']],
    ['no value: skipped, whatever the id is', 'a.b.c,,', ['skipped']],
    ['blanks are cut', ' 1 ,\tx y\t, \r\n', ['update 1 a=x y']],
    ['escaped blanks are not', '1,%20x+,+', ['update 1 a= x  b= ']],
    ['+ is a space, %2B a plus', '1,a+b%2Bc', ['update 1 a=a b+c']],
    ['escaped delimiters', '1,a%2Cb%0Ac%0D%25', ['update 1 a=a,b\nc\r%']],
    ['decoded once', '1,%252C', ['update 1 a=%2C']],
    ['UTF-8 raw and escaped', '1,côté,c%C3%B4t%c3%a9', ['update 1 a=côté b=côté']],
    ['quotes are data', '1,"x","y"', ['update 1 a="x" b="y"']],
    ['NUL and controls are data', '1,\0,%00\x07', ['update 1 a=\0 b=\0\x07']],
    ['a BOM within a cell is data', '1,\uFEFFx,%EF%BB%BF', ['update 1 a=\uFEFFx b=\uFEFF']],
    [
      'a BOM at the start of a line is dropped',
      '\uFEFF1,x\n\uFEFF2,\uFEFFy',
      ['update 1 a=x', 'update 2 a=\uFEFFy'],
    ],
    ['several of them too', '\uFEFF\uFEFF1,x', ['update 1 a=x']],
    ['blanks may follow it', '\uFEFF 1,x\r', ['update 1 a=x']],
    ['a BOM behind blanks is data', ' \uFEFF1,x', ['update \uFEFF1 a=x']],
    ['an escaped BOM is data', '%EF%BB%BF1,x', ['update \uFEFF1 a=x']],
    ['a line with nothing but a BOM is blank', '\uFEFF\n\uFEFF \r\n1,x\n\uFEFF', ['update 1 a=x']],
    ['a BOM before a bad row', '\uFEFF1,%', [`failed 1: the value of "a" ${ESCAPE}`]],
    ['a BOM before an id beyond ASCII', '\uFEFFé,😀', ['update é a=😀']],
    ['four bytes', '1,😀%F0%9F%98%80x,y', ['update 1 a=😀😀x b=y']],
    ['duplicate ids are two rows', '1,x\n1,y', ['update 1 a=x', 'update 1 a=y']],
    ['the location hint is no part of the id', 'abc.28_20,x', ['update abc a=x']],
    ['an escaped id', 'a%2Cb,x', ['update a,b a=x']],
    ['id missing', ',x', ['failed : the id is missing']],
    ['id malformed', ' a.b.c ,x', ['failed a.b.c: the id must contain at most one dot']],
    [
      'id too long',
      `${'i'.repeat(129)},x`,
      [`failed ${'i'.repeat(129)}: the id must have 1 to 128 characters`],
    ],
    ['the id as the file has it', 'a%2Eb.c,x', ['failed a%2Eb.c: the id must contain at most one dot']],
    [
      'more cells than the header',
      '1,x,y,z\n2,x,y,\n3,x',
      [`failed 1: ${MORE}`, `failed 2: ${MORE}`, 'update 3 a=x'],
    ],
    ['more empty cells than the header', ',,,', [`failed : ${MORE}`]],
    ['bad escape in a value', '1,%zz', [`failed 1: the value of "a" ${ESCAPE}`]],
    ['escape cut by the cell', '1,x%4,1', [`failed 1: the value of "a" ${ESCAPE}`]],
    ['escape cut by the end', '1,x,%', [`failed 1: the value of "b" ${ESCAPE}`]],
    ['escape cut by a blank', '1,%4 ', [`failed 1: the value of "a" ${ESCAPE}`]],
    ['bad escape in the id', '%G1,x', [`failed %G1: the id ${ESCAPE}`]],
    ['escapes that are not UTF-8', '1,%FF', ['failed 1: the value of "a" is not UTF-8']],
    ['an escaped surrogate', '1,x,%ED%A0%80', ['failed 1: the value of "b" is not UTF-8']],
    ['an overlong escape', '1,%C0%80', ['failed 1: the value of "a" is not UTF-8']],
    ['cells do not complete each other', '1,%C3,%A9', ['failed 1: the value of "a" is not UTF-8']],
    [
      'the others go on',
      '1,%\n2,côté\n3,%ff\n',
      [`failed 1: the value of "a" ${ESCAPE}`, 'update 2 a=côté', 'failed 3: the value of "a" is not UTF-8'],
    ],
  ])('are read as the contract says: %s', (_, rows, expected) => {
    const file = Buffer.from(`batch=pcId,a,b\n${rows}`);
    for (const size of [file.length, 7, 3, 2, 1]) expect(readAll(file, size).map(short)).toEqual(expected);
  });

  test('a character may be half raw and half escaped', () => {
    const file = Buffer.concat([Buffer.from('batch=pcId,a\n1,'), Buffer.from([0xc3]), Buffer.from('%A9')]);
    expect(readAll(file).map(short)).toEqual(['update 1 a=é']);
  });

  test('raw bytes that are not UTF-8 fail only their own row', () => {
    const file = Buffer.from('batch=pcId,a\n1,x\xff\n2,y\n\xe9,z\n', 'latin1');
    expect(readAll(file).map(short)).toEqual([
      'failed 1: the value of "a" is not UTF-8',
      'update 2 a=y',
      'failed \uFFFD: the id is not UTF-8',
    ]);
  });

  test('a thirdPartyId must follow its own rules', () => {
    const file = Buffer.from(`batch=thirdPartyId,a\na.b.c,x\na%2Fb,x\na%2Bb,x\na+b,x\n${'i'.repeat(256)},x`);
    expect(readAll(file).map((row) => row.kind)).toEqual(['update', 'failed', 'failed', 'update', 'update']);
    expect(readAll(file)[0]).toMatchObject({ id: { kind: 'thirdPartyId', value: 'a.b.c' }, rawId: 'a.b.c' });
  });

  test('a value in a column of profile scripts fails its row with the reason; other rows are applied', () => {
    const file = Buffer.from('batch=pcId,user.x,a,%75ser.y\n1,x,y\n2,,y\n3, ,,z\n4\n5,%,y\n');
    const reason = 'cannot be set: the name must not start with "user.", which belongs to profile scripts';
    expect(readAll(file).map(short)).toEqual([
      `failed 1: the value of "user.x" ${reason}`,
      'update 2 a=y',
      `failed 3: the value of "user.y" ${reason}`,
      'skipped',
      `failed 5: the value of "user.x" ${ESCAPE}`,
    ]);
  });

  test('invisible characters are shown as escapes in a reason', () => {
    const file = Buffer.from('batch=pcId,a\uFEFF\u200B\n1,%\n');
    expect(readAll(file).map(short)).toEqual([`failed 1: the value of "a\\ufeff\\u200b" ${ESCAPE}`]);
  });

  test('hostile names are treated as plain data', () => {
    const names = ['__proto__', 'constructor', 'toString', '1', '"', '\\', '😀', 'a b'];
    const header = names.map(encodeURIComponent).join(',');
    const [row] = readAll(Buffer.from(`batch=pcId,${header}\n1,${names.map((_, index) => index).join(',')}`));
    expect(row).toMatchObject({ kind: 'update' });
    expect(row?.kind === 'update' && [...row.settings.keys()]).toEqual(names);
  });

  test('each row reports its line, start and next position, whatever stands between the rows', () => {
    const file = Buffer.from('\uFEFFbatch=pcId,a\r\n\n1,x\n\n \r\n2,ô\r\n3');
    expect(readAll(file).map(({ line, start, next }) => [line, start, next])).toEqual([
      [3, 18, 22],
      [6, 26, 32],
      [7, 32, 33],
    ]);
  });
});

describe('long rows', () => {
  const cell = (length: number) => 'v'.repeat(length);
  test.each<[what: string, row: string, kinds: string[]]>([
    ['as long as may be', `1,${cell(MAX_ROW_BYTES - 2)}`, ['update', 'update']],
    ['one byte longer', `1,${cell(MAX_ROW_BYTES - 1)}`, ['failed', 'update']],
    ['much longer', `1,${cell(3 * MAX_ROW_BYTES)}`, ['failed', 'update']],
    ['a long line of blanks is no row', ' '.repeat(2 * MAX_ROW_BYTES), ['update']],
    [
      'after one that is',
      `1,${cell(MAX_ROW_BYTES)}x\n${' '.repeat(2 * MAX_ROW_BYTES)}`,
      ['failed', 'update'],
    ],
    ['but it is with one letter at its end', `${' '.repeat(2 * MAX_ROW_BYTES)}x`, ['failed', 'update']],
  ])('are handled at the limit: %s', (_, row, kinds) => {
    const file = Buffer.from(`batch=pcId,a\n${row}\n2,x\n`);
    const whole = readAll(file);
    expect(whole.map(({ kind }) => kind)).toEqual(kinds);
    expect(readAll(file, 1000)).toEqual(whole);
    expect(readAll(file, 64 * 1024)).toEqual(whole);
  });

  test('report the id in their failure', () => {
    const [row] = readAll(Buffer.from(`batch=pcId,a\n 1 ,${cell(MAX_ROW_BYTES)}`));
    expect(row).toMatchObject({ rawId: '1', reason: 'the row is longer than 1,048,576 bytes', line: 2 });
  });

  test('that begin with a byte-order mark are reported without it', () => {
    const [row] = readAll(Buffer.from(`batch=pcId,a\n\uFEFF1,${cell(MAX_ROW_BYTES)}`));
    expect(row).toMatchObject({ kind: 'failed', rawId: '1' });
    expect(readAll(Buffer.from(`batch=pcId,a\n\uFEFF${' '.repeat(2 * MAX_ROW_BYTES)}`))).toEqual([]);
  });

  test('keep at most as much of an id as a valid id can have', () => {
    const [row] = readAll(Buffer.from(`batch=pcId,a\n${cell(100_000)},1`));
    expect(row?.kind === 'failed' && row.rawId).toBe(`${cell(3072)}…`);
  });
});

/** Bytes with a meaning in the format, and a few without. */
const formatBytes = fc
  .array(
    fc.oneof(
      {
        weight: 20,
        arbitrary: fc
          .constantFrom(
            ...Buffer.from(',,\n\n\r%%+ \tab12cC34fFeE9.'),
            ...[0, 0x80, 0xa9, 0xc3, 0xe2, 0xf0, 0x9f, 0x98, 0xff],
          )
          .map((byte) => [byte]),
      },
      { weight: 1, arbitrary: fc.constant([0xef, 0xbb, 0xbf]) },
      { weight: 2, arbitrary: fc.constantFrom([0x0a, 0xef, 0xbb, 0xbf], [0x0a, 0xef, 0xbb]) },
    ),
    { maxLength: 80 },
  )
  .map((pieces) => pieces.flat());
const fileBytes = formatBytes.map((bytes) =>
  Buffer.concat([Buffer.from('batch=pcId,a,b,c\n'), Buffer.from(bytes)]),
);

describe('arbitrary bytes', () => {
  test('give the same rows as the plain reader', () => {
    fc.assert(
      fc.property(fileBytes, (file) => {
        expect(readAll(file)).toEqual(plainRead(file));
      }),
      { numRuns: 1500 },
    );
  });

  test('give the same rows wherever they are cut', () => {
    fc.assert(
      fc.property(fileBytes, fc.array(fc.nat(100), { maxLength: 12 }), (file, cuts) => {
        const reader = new BatchReader();
        const rows: BatchRow[] = [];
        let from = 0;
        for (const cut of [...cuts.filter((at) => at <= file.length).sort((a, b) => a - b), file.length]) {
          rows.push(...reader.push(file.subarray(from, cut)));
          from = cut;
        }
        rows.push(...reader.end());
        expect(rows).toEqual(readAll(file));
      }),
      { numRuns: 500 },
    );
  });

  test('can be resumed after any row', () => {
    fc.assert(
      fc.property(fileBytes, (file) => {
        const reader = new BatchReader();
        const all = [...reader.push(file), ...reader.end()];
        const header = JSON.parse(JSON.stringify(reader.header));
        all.forEach((row, index) => {
          const cursor = cursorAfter(row, index);
          expect(cursor.rows).toBe(index + 1);
          const resumed = new BatchReader({ header, cursor });
          expect([...resumed.push(file.subarray(cursor.offset)), ...resumed.end()]).toEqual(
            all.slice(index + 1),
          );
        });
        const again = new BatchReader({ header, cursor: header.end });
        expect([...again.push(file.subarray(header.end.offset)), ...again.end()]).toEqual(all);
      }),
      { numRuns: 300 },
    );
  });
});

// Counted, not timed: how often each piece of the code ran, and how many bytes the runtime's own
// functions processed. Bun has no such counters, but runs the same code.
describe.skipIf(process.versions.bun !== undefined)('the work grows in proportion to the file', () => {
  // Pieces so small that work repeated for each of them shows up as a factor of thousands.
  const pieceBytes = 32;
  function readIn(pieces: number, file: Buffer): void {
    const reader = new BatchReader();
    for (let at = 0; at < file.length; at += pieces) reader.push(file.subarray(at, at + pieces));
    reader.end();
  }

  test.each<[what: string, unit: Buffer]>([
    ['commas', Buffer.from(',')],
    ['one cell', Buffer.from('x')],
    ['blank lines', Buffer.from('\n')],
    ['blanks', Buffer.from(' ')],
    ['NULs', Buffer.alloc(1)],
    ['bad UTF-8', Buffer.from([0xff])],
    ['percent signs', Buffer.from('%')],
    ['rows of bad UTF-8', Buffer.from('1,\xff,\xff\n', 'latin1')],
    ['rows', Buffer.from('abc,d%20e,fg\n')],
    ['long rows', Buffer.from(`1,${' '.repeat(900_000)}%C3%A9\n`)],
  ])('for a file of %s', async (_, unit) => {
    const fileOf = (bytes: number) =>
      Buffer.concat([Buffer.from('batch=pcId,a,b\n'), Buffer.alloc(bytes, unit)]);
    const small = fileOf(256 * 1024);
    const large = fileOf(1024 * 1024);
    const ofSmall = await workOf(() => readIn(pieceBytes, small));
    const ofLarge = await workOf(() => readIn(pieceBytes, large));
    // Four times the bytes: four times the work, and a quarter more for buffers that grow.
    expect(ofLarge / ofSmall).toBeLessThan(5);
    expect(ofSmall).toBeGreaterThan(small.length / pieceBytes);
  });

  test('the counter detects work that grows faster than the file', async () => {
    const again = (bytes: number) => {
      let open = Buffer.alloc(0);
      for (let at = 0; at < bytes; at += pieceBytes) open = Buffer.concat([open, Buffer.alloc(pieceBytes)]);
    };
    const ratio = (await workOf(() => again(64 * 1024))) / (await workOf(() => again(16 * 1024)));
    expect(ratio).toBeGreaterThan(10);
  });
});

/**
 * Reads the rows of a small batch of `pcId,a,b,c` exactly as the contract describes, however
 * slowly; the reader must return the same.
 */
function plainRead(file: Buffer): BatchRow[] {
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
        .replace(/^(\xef\xbb\xbf)+/, '')
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
