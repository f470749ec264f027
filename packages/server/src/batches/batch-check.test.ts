import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { QuiverError } from '../errors.ts';
import { BatchCheck, type BatchLimits, type CheckedBatch } from './batch-check.ts';
import { MAX_ROW_BYTES } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';

function check(file: Uint8Array | string, size = 64 * 1024, limits: BatchLimits = {}): CheckedBatch {
  const bytes = Buffer.from(file);
  const batch = new BatchCheck(limits);
  for (let at = 0; at < bytes.length; at += size) batch.push(bytes.subarray(at, at + size));
  return batch.end();
}

/** How a file is refused: `400 the file is empty…`. */
function refusal(file: Uint8Array | string, size?: number, limits?: BatchLimits): string {
  try {
    check(file, size, limits);
  } catch (error) {
    if (error instanceof QuiverError) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

const EXPECTED = ', expected "batch=" followed by the header row, for instance batch=pcId,country';
const utf16 = Buffer.from('\uFEFFbatch=pcId,a', 'utf16le');

describe('a file that is no batch is refused: what came, what was expected', () => {
  test.each<[what: string, file: Uint8Array | string, message: string]>([
    ['nothing', '', 'the file is empty'],
    ['a BOM alone', '\uFEFF', 'the file is blank'],
    ['blanks alone', ' \r\n\t\n', 'the file is blank'],
    ['the prefix alone', 'batch=', 'row 1: nothing after "batch="'],
    ['the prefix and blank lines', 'batch=\r\n \n', 'row 1: nothing after "batch="'],
    [
      'multipart',
      '--------------------------d74496d66958873e\r\nContent-Disposition: form-data',
      'the file is multipart (a form upload)',
    ],
    ['JSON', '{"batch":[]}', 'the file is JSON'],
    ['a JSON list', '\n [1]', 'the file is JSON'],
    ['XML', '<?xml version="1.0"?>', 'the file is XML or HTML'],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), 'the file is gzip without "Content-Encoding: gzip"'],
    ['a spreadsheet', Buffer.from([0x50, 0x4b, 3, 4]), 'the file is a zip archive or a spreadsheet'],
    ['UTF-16', utf16, 'the file is UTF-16, not UTF-8'],
    ['no prefix', 'pcId,a\n1,x', 'the file starts with a header row but lacks "batch="'],
    [
      'no prefix, behind a BOM',
      '\uFEFFthirdPartyId,a\n1,x',
      'the file starts with a header row but lacks "batch="',
    ],
    ['percent-encoded', 'batch%3DpcId%2Ca', 'the file is percent-encoded as a whole'],
    ['another case', 'Batch=pcId,a', 'the file has "batch=" written in another way'],
    ['a blank within', 'batch =pcId,a', 'the file has "batch=" written in another way'],
    ['a line before', '\nbatch=pcId,a', 'the file has blanks or lines before "batch="'],
    ['a form', 'mboxPC=1&profile.a=x', 'the file starts with "mboxPC=1&profile.a=x"'],
    ['something long', 'x'.repeat(1000), `the file starts with "${'x'.repeat(24)}…"`],
    ['control characters', '\0\x07batch=', 'the file starts with "\\u0000\\u0007batch="'],
    ['cut short', 'bat', 'the file starts with "bat"'],
  ])('refuses a file with this content: %s', (_, file, message) => {
    for (const size of [undefined, 5, 1]) expect(refusal(file, size)).toBe(`400 ${message}${EXPECTED}`);
  });
});

describe('the header row', () => {
  const long = 'n'.repeat(128);
  test.each<[what: string, header: string, message: string]>([
    ['another first column', 'pcid,a', 'the first column must be called pcId or thirdPartyId, not "pcid"'],
    ['an attribute first', 'a,pcId', 'the first column must be called pcId or thirdPartyId, not "a"'],
    ['no first column', ',a', 'column 1 has no name'],
    ['a column without a name', 'pcId,a,,b', 'column 3 has no name'],
    ['a comma at the end', 'pcId,a,', 'column 3 has no name'],
    ['a name given twice', 'pcId,a,b,a', 'the name "a" of column 4 is given twice'],
    ['given twice, once escaped', 'pcId,a,%61 ', 'the name "a" of column 3 is given twice'],
    ['the id given twice', 'pcId,a,pcId', 'the name "pcId" of column 3 is given twice'],
    [
      'the prefix of single updates',
      'pcId,profile.a',
      'the name "profile.a" of column 2 must not start with "profile."',
    ],
    [
      'both kinds of id',
      'pcId,a,thirdPartyId',
      'the name "thirdPartyId" of column 3 is a second kind of id; the rows name their profiles by pcId alone',
    ],
    [
      'both kinds of id, escaped',
      'thirdPartyId,p%63Id',
      'the name "pcId" of column 2 is a second kind of id; the rows name their profiles by thirdPartyId alone',
    ],
    [
      'a name with what cannot be seen',
      'pcId,profile.\u200Ba\uFEFF',
      'the name "profile.\\u200ba\\ufeff" of column 2 must not start with "profile."',
    ],
    [
      'a byte-order mark within',
      ' \uFEFFpcId,a',
      'the first column must be called pcId or thirdPartyId, not "\\ufeffpcId"',
    ],
    ['a long name', `pcId,${long}n`, `the name "${long}n" of column 2 must have 1 to 128 characters`],
    [
      'a bad escape',
      'pcId,a%',
      'column 2 has a % that is not followed by two hex digits (write %25 for a percent sign)',
    ],
    ['not UTF-8', 'pcId,%ff', 'column 2 is not UTF-8'],
    [
      'encoded as a whole',
      'pcId%2Ca%0A1%2Cx',
      'the file is percent-encoded as a whole; send it as it is (curl --data-binary), cells alone are encoded',
    ],
    ['rows that end in CR', 'pcId,a\r1,x\r', 'the rows end in CR alone, expected LF or CRLF'],
  ])('is refused: %s', (_, header, message) => {
    for (const size of [undefined, 3, 1])
      expect(refusal(`batch=${header}\n1,x`, size)).toBe(`400 row 1: ${message}`);
  });

  test('is refused when longer than 1 MiB, as soon as the length is known', () => {
    const batch = new BatchCheck();
    batch.push(Buffer.from('batch=pcId,'));
    const push = () => {
      for (let pushed = 0; pushed < 2 * MAX_ROW_BYTES; pushed += 1000) batch.push(Buffer.alloc(1000, 'a'));
    };
    expect(push).toThrow('row 1: the header row is longer than 1,048,576 bytes');
  });

  test.each<[what: string, file: string, key: string, names: string[], end: number, line: number]>([
    ['plain', 'batch=pcId,a,b\n', 'pcId', ['a', 'b'], 15, 2],
    ['no line end', 'batch=thirdPartyId,a', 'thirdPartyId', ['a'], 20, 2],
    ['blanks and CRLF', 'batch= pcId ,\ta \r\n', 'pcId', ['a'], 18, 2],
    ['a BOM before the prefix', '\uFEFFbatch=pcId,a\n', 'pcId', ['a'], 16, 2],
    ['a BOM after the prefix', 'batch=\uFEFFpcId,a\n', 'pcId', ['a'], 16, 2],
    ['two of them', '\uFEFF\uFEFFbatch=\uFEFF\uFEFFpcId,a\n', 'pcId', ['a'], 25, 2],
    ['a BOM on a later line', 'batch=\uFEFF\n\uFEFF\n\uFEFFpcId,a\n', 'pcId', ['a'], 24, 4],
    ['a name of profile scripts', 'batch=pcId,user.a\n', 'pcId', ['user.a'], 18, 2],
    ['blank lines before the header', 'batch=\r\n \n\npcId,a\n', 'pcId', ['a'], 18, 5],
    ['the id alone', 'batch=pcId', 'pcId', [], 10, 2],
    [
      'escaped names, other names',
      'batch=pcId,a%2Cb,c+d,__proto__,%F0%9F%98%80\n',
      'pcId',
      ['a,b', 'c d', '__proto__', '😀'],
      44,
      2,
    ],
    ['a name of 128 characters', `batch=pcId,${'😀'.repeat(128)}`, 'pcId', ['😀'.repeat(128)], 523, 2],
  ])('is accepted: %s', (_, file, key, names, end, line) => {
    for (const size of [undefined, 3, 1]) {
      expect(check(file, size).header).toEqual({ key, names, end: { offset: end, line, rows: 0 } });
    }
  });
});

describe('a file whose line ends were lost is recognised', () => {
  const lost = (columns: number) =>
    `400 row 1: the file is one line of ${columns} columns without a line end, so its line ends were lost ` +
    '(curl -d removes them, --data-binary keeps them); a header without rows must end in a line end';
  /** What `curl -d @file` makes of a file. */
  const curl = (file: string) => file.replace(/[\r\n]/g, '');

  test.each<[what: string, file: string, outcome: string]>([
    ['one row', curl('batch=pcId,a\n1,x\n'), lost(3)],
    ['many rows', curl('batch=pcId,a,b\r\n1,x,y\r\n2,z,w\r\n'), lost(7)],
    ['values that are no good names', curl('batch=pcId,a,b\n1,,x\n2,,x\n3,%zz,\n'), lost(9)],
    ['a byte-order mark before it', curl('\uFEFFbatch=pcId,a\n1,x\n'), lost(3)],
    ['a header of two attributes', 'batch=pcId,a,b', lost(3)],
    ['with its line end it is one without rows', 'batch=pcId,a,b\n', 'accepted'],
    ['also when that is CR alone', 'batch=pcId,a,b\r', 'accepted'],
    ['a header behind a blank line', 'batch=\npcId,a,b', 'accepted'],
    ['a header of one attribute: no value can have been lost', 'batch=pcId,a', 'accepted'],
    ['rows without any value, lost', curl('batch=pcId,a\n1\n2\n'), 'accepted'],
    ['a last row without a line end', 'batch=pcId,a,b\n1,x,y', 'accepted'],
  ])('in the case: %s', (_, file, outcome) => {
    for (const size of [undefined, 5, 1]) expect(refusal(file, size)).toBe(outcome);
  });
});

describe('the limits on rows and bytes', () => {
  const file = `batch=pcId,a\n${'1,x\n'.repeat(10)}`;

  test('accept a file exactly at the limit', () => {
    expect(check(file, 3, { bytes: file.length, rows: 10 })).toMatchObject({ bytes: 53, rows: 10 });
  });
  test('refuse one row too many', () => {
    const message = '413 the file has more than 9 rows; row 10, on line 11, is one too many';
    expect(refusal(file, 3, { rows: 9 })).toBe(message);
    expect(refusal(file, 1000, { rows: 9 })).toBe(message);
  });
  test('refuse one byte too many', () => {
    expect(refusal(file, 1, { bytes: 52 })).toBe(
      '413 the file is larger than 52 bytes; row 11 does not fit any more',
    );
    expect(refusal(file, 1000, { bytes: 52 })).toBe('413 the file is larger than 52 bytes');
  });
  test('are those of the contract by default', () => {
    const row = Buffer.from('1\n');
    expect(refusal(Buffer.concat([Buffer.from('batch=pcId\n'), Buffer.alloc(500_000 * 2, row)]))).toBe(
      'accepted',
    );
    expect(refusal(Buffer.concat([Buffer.from('batch=pcId\n'), Buffer.alloc(500_001 * 2, row)]))).toContain(
      '413 ',
    );
    const blanks = Buffer.alloc(50_000_000 - 'batch=pcId'.length, '\n');
    expect(refusal(Buffer.concat([Buffer.from('batch=pcId'), blanks]))).toBe('accepted');
    expect(refusal(Buffer.concat([Buffer.from('batch=pcId'), blanks, row]))).toBe(
      '413 the file is larger than 50,000,000 bytes; row 1 does not fit any more',
    );
  });
});

test('the check counts the rows that the reader finds, however the file is cut', () => {
  const byte = fc.constantFrom(...Buffer.from(',\n\n\n\r\t 1x%'), 0, 0xff, 0xef).map((one) => [one]);
  const marks = fc.constantFrom([0xef, 0xbb, 0xbf], [0x0a, 0xef, 0xbb, 0xbf], [0x0a, 0xef, 0xbb]);
  const bytes = fc.array(fc.oneof(byte, byte, byte, marks), { maxLength: 60 }).map((pieces) => pieces.flat());
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 9 }), (body, size) => {
      const file = Buffer.concat([Buffer.from('batch=pcId,a\n'), Buffer.from(body)]);
      const reader = new BatchReader();
      const rows = reader.push(file).length + reader.end().length;
      expect(check(file, size)).toMatchObject({ rows, bytes: file.length, header: reader.header });
    }),
    { numRuns: 1500 },
  );
});

test('a line of byte-order marks longer than the row limit counts as one row, as in the reader', () => {
  for (const count of [349_525, 349_526, 700_000]) {
    const file = Buffer.from(`batch=pcId,a\n${'\uFEFF'.repeat(count)}  \n1,x`);
    const reader = new BatchReader();
    const rows = reader.push(file).length + reader.end().length;
    expect(check(file).rows).toBe(rows);
  }
});
