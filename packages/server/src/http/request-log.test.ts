import pino from 'pino';
import { expect, test } from 'vitest';
import { loggedMeters } from './request-log.ts';

function lines(level: string): { log: pino.Logger; written: string[] } {
  const written: string[] = [];
  return { log: pino({ level }, { write: (line: string) => void written.push(line) }), written };
}

test('at level debug, each request is one line with route, status and milliseconds, and is still counted', () => {
  const { log, written } = lines('debug');
  const counted: number[] = [];
  loggedMeters(() => (status) => void counted.push(status), log)('GET', '/rest/v1/profiles/{tntId}')(
    200,
    0.0012,
  );
  expect(written.map((line) => JSON.parse(line))).toMatchObject([
    { method: 'GET', route: '/rest/v1/profiles/{tntId}', status: 200, responseTime: 1.2, msg: 'request' },
  ]);
  expect(counted).toEqual([200]);
});

test('above level debug, nothing is logged and the meters are used directly', () => {
  const meters = () => () => {};
  expect(loggedMeters(meters, lines('info').log)).toBe(meters);
});
