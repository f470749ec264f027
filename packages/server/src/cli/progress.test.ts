import { Writable } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { startProgress } from './progress.ts';

/** A terminal that records what it is told to show. */
class Terminal extends Writable {
  readonly isTTY = true;
  readonly columns = 120;
  written = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString();
    done();
  }
  cursorTo = () => true;
  moveCursor = () => true;
  clearLine = () => true;
}

afterEach(() => vi.restoreAllMocks());

test('without a terminal, one line is written every five seconds', () => {
  let lines = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    lines += text;
    return true;
  });
  let now = 0;
  const stream = { isTTY: false } as NodeJS.WriteStream;
  const progress = startProgress({ label: 'applying', total: 500_000, unit: 'rows', stream, now: () => now });
  for (const [at, done] of [
    [4000, 90_000],
    [5000, 100_000],
    [6000, 120_000],
    [10_000, 200_000],
  ] as const) {
    now = at;
    progress.at(done);
  }
  progress.stop();
  expect(lines).toBe(
    'applying: 100,000 of 500,000 rows, 20,000 rows/s, 20 s left\napplying: 200,000 of 500,000 rows, 20,000 rows/s, 15 s left\n',
  );
});

test('on a terminal, a bar shows the rate and the time left', () => {
  vi.stubEnv('TERM', 'xterm');
  const terminal = new Terminal();
  let now = 0;
  const stream = terminal as unknown as NodeJS.WriteStream;
  const progress = startProgress({ label: 'applying', total: 1000, unit: 'rows', stream, now: () => now });
  now = 2000;
  progress.at(250);
  progress.stop();
  progress.stop();
  expect(terminal.written).toContain(
    'applying ======------------------ 25 % | 250 of 1,000 rows | 125 rows/s | 6 s left',
  );
  vi.unstubAllEnvs();
});

test('the time left is written in words', () => {
  let line = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    line = String(text);
    return true;
  });
  let now = 0;
  const stream = { isTTY: false } as NodeJS.WriteStream;
  const progress = startProgress({ label: 'x', total: 100_000, unit: 'rows', stream, now: () => now });
  const left = (seconds: number, done: number) => {
    now += seconds * 1000;
    progress.at(done);
    return line.trim().split(', ').at(-1);
  };
  expect(left(10, 100)).toBe('2 h 46 min left');
  expect(left(10, 20_000)).toBe('1 min 20 s left');
  expect(left(10, 100_000)).toBe('0 s left');
});
