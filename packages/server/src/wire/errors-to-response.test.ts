import pino from 'pino';
import { expect, test } from 'vitest';
import { QuiverError } from '../errors.ts';
import { errorToResponse } from './errors-to-response.ts';

function logOf(thrown: unknown): Record<string, unknown>[] {
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
  errorToResponse(thrown, 'json', log);
  return lines.map((line) => JSON.parse(line));
}

test('a deliberate refusal is logged in one line without a stack trace', () => {
  const refusal = new QuiverError('unavailable', 'The store takes no writes');
  const [line, ...others] = logOf(refusal);
  expect(line).toMatchObject({
    ...{ level: 50, code: 'unavailable', reason: 'The store takes no writes' },
    ...{ instance: refusal.instance, msg: 'a request failed' },
  });
  expect(others).toEqual([]);
  expect(JSON.stringify(line)).not.toMatch(/\bat .*:\d+/);
});

test('an unexpected error, or the cause of a refusal, is logged with its stack trace', () => {
  const cause = new Error('the disk is gone');
  const refusal = new QuiverError('unavailable', 'The store cannot be read', { cause });
  for (const thrown of [refusal, cause]) {
    const [line] = logOf(thrown);
    expect(line).toMatchObject({ msg: 'a request failed', err: { stack: expect.stringContaining('disk') } });
  }
});

test('a refusal caused by the caller is not logged', () => {
  expect(logOf(new QuiverError('bad-request', 'id: is missing'))).toEqual([]);
});
