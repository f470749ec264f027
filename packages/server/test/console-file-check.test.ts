/** The console's check of a batch file and the server's must agree (contract section 6). */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkFile } from '../../console/src/api/check-file.ts';
import { BatchCheck } from '../src/batches/batch-check.ts';
import { BatchReader } from '../src/batches/batch-reader.ts';
import { QuiverError } from '../src/errors.ts';

/**
 * The result of a checker: `refused`, or the number of rows, the failing ones, and their lines as
 * far as they are reported.
 */
type Verdict = 'refused' | { rows: number; failed: number; lines: number[] };

const SHOWN = 5;

function serverSays(file: Uint8Array): Verdict {
  const check = new BatchCheck();
  const reader = new BatchReader();
  try {
    check.push(file);
    const { rows } = check.end();
    const failed = [...reader.push(file), ...reader.end()].filter(({ kind }) => kind === 'failed');
    return { rows, failed: failed.length, lines: failed.slice(0, SHOWN).map(({ line }) => line) };
  } catch (error) {
    if (error instanceof QuiverError) return 'refused';
    throw error;
  }
}

async function consoleSays(bytes: Uint8Array): Promise<Verdict> {
  const found = await checkFile(new File([new Uint8Array(bytes)], 'people.batch'));
  if (found.refusal !== undefined) return 'refused';
  const lines = found.problems.map((problem) => Number(/^Line (\d+): /.exec(problem)![1]));
  return { rows: found.rows, failed: found.badRows, lines };
}

describe('the console and the server judge a file alike', () => {
  const BLANK_LINE = `${' '.repeat(9_999)}\n`;
  const H = 'batch=thirdPartyId,a,b\n';
  test.each<[what: string, file: string | Uint8Array, verdict: Verdict]>([
    ['a good file', `${H}1,x\n2,,y`, { rows: 2, failed: 0, lines: [] }],
    ['nothing', '', 'refused'],
    ['no prefix', 'pcId,a\n1,x', 'refused'],
    ['a blank line first', `\n${H}`, 'refused'],
    ['the prefix alone', 'batch=\n', 'refused'],
    ['no rows', H, { rows: 0, failed: 0, lines: [] }],
    ['no attribute', 'batch=pcId\n1\n', { rows: 1, failed: 0, lines: [] }],
    ['line ends lost', 'batch=pcId,a1,x', 'refused'],
    ['one attribute, no line end', 'batch=pcId,a', { rows: 0, failed: 0, lines: [] }],
    ['rows that end in CR', 'batch=pcId,a\r1,x\r', 'refused'],
    ['byte-order marks', `\uFEFF${H}\uFEFF1,x\n\uFEFF\n\uFEFF,x`, { rows: 2, failed: 1, lines: [4] }],
    ['a header on a later line', `batch=\uFEFF\n\uFEFF\npcId,a\n,x`, { rows: 1, failed: 1, lines: [4] }],
    ['a name given twice', 'batch=pcId,a,%61\n', 'refused'],
    ['an empty name', 'batch=pcId,a,\n', 'refused'],
    ['profile.', 'batch=pcId,profile.a\n', 'refused'],
    ['a long name', `batch=pcId,${'n'.repeat(129)}\n`, 'refused'],
    ['both kinds of id', 'batch=pcId,thirdPartyId\n', 'refused'],
    ['a bad escape in a name', 'batch=pcId,a%\n', 'refused'],
    ['another first column', 'batch=id,a\n', 'refused'],
    ['a column of scripts', 'batch=pcId,user.a\n1,x\n2\n', { rows: 2, failed: 1, lines: [2] }],
    ['an id that is missing, without values', `${H},\n`, { rows: 1, failed: 0, lines: [] }],
    ['an id that may not be', `${H}a%2Bb,x\na.b.c,x\n`, { rows: 2, failed: 1, lines: [2] }],
    ['two dots in a tntId', 'batch=pcId,a\na.b.c,x\n', { rows: 1, failed: 1, lines: [2] }],
    ['more cells', `${H}1,,,\n`, { rows: 1, failed: 1, lines: [2] }],
    ['bad escapes', `${H}1,%zz\n2,%ff\n3,%C3%A9\n4,+%2B\n`, { rows: 4, failed: 2, lines: [2, 3] }],
    ['not UTF-8', Buffer.from(`${H}1,\xe9\n`, 'latin1'), { rows: 1, failed: 1, lines: [2] }],
    ['half a letter raw', Buffer.from(`${H}1,\xc3%A9\n`, 'latin1'), { rows: 1, failed: 0, lines: [] }],
    ['a row too long', `${H}1,${'x'.repeat(1024 * 1024)}\n2,x`, { rows: 2, failed: 1, lines: [2] }],
    ['rows to the limit', `${H}${'1,x\n'.repeat(500_000)}`, { rows: 500_000, failed: 0, lines: [] }],
    ['a row too many', `${H}${'1,x\n'.repeat(500_001)}`, 'refused'],
    ['bytes to the limit', H.padEnd(50_000_000, BLANK_LINE), { rows: 0, failed: 0, lines: [] }],
    ['a byte too many', H.padEnd(50_000_001, BLANK_LINE), 'refused'],
  ])('for the file: %s', async (_, file, verdict) => {
    const bytes = Buffer.from(file);
    expect(serverSays(bytes)).toEqual(verdict);
    expect(await consoleSays(bytes)).toEqual(verdict);
  });

  test('for generated files', async () => {
    const piece = fc.constantFrom(
      ...[
        ',',
        ',',
        '\n',
        '\n',
        '\r',
        '\r\n',
        '%',
        '%41',
        '%C3%A9',
        '%2B',
        '%EF%BB%BF',
        '+',
        ' ',
        '\t',
        '.',
        '/',
      ],
      ...[
        '1',
        '2',
        'a',
        'é',
        '\uFEFF',
        '\n\uFEFF',
        '\0',
        'pcId',
        'thirdPartyId',
        'user.',
        'batch=',
        'profile.',
      ],
    );
    const rawByte = fc.constantFrom(0xef, 0xff, 0xc3).map((byte) => Buffer.from([byte]));
    const text = piece.map((one) => Buffer.from(one));
    const bytes = fc
      .array(fc.oneof(text, text, text, rawByte), { maxLength: 40 })
      .map((pieces) => Buffer.concat(pieces));
    const start = fc.constantFrom(
      ...[
        '',
        'batch=',
        'batch=pcId,a',
        'batch=pcId,a,user.b\n',
        'batch=thirdPartyId,a,b\n',
        '\uFEFFbatch=\npcId,a,b\r\n',
      ],
    );
    await fc.assert(
      fc.asyncProperty(start, bytes, async (beginning, body) => {
        const file = Buffer.concat([Buffer.from(beginning), body]);
        expect(await consoleSays(file)).toEqual(serverSays(file));
      }),
      { numRuns: 1500 },
    );
  });
});
