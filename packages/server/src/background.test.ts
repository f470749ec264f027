import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Rounds } from './background.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function made(round: (isStopped: () => boolean) => Promise<void>, atOnce = false) {
  const logged: string[] = [];
  const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
  return { rounds: new Rounds({ every: 100, atOnce, round, failure: 'it failed', log }), logged };
}

test('a round follows each pause; the first one waits too, unless it is wanted at once', async () => {
  for (const atOnce of [false, true]) {
    let count = 0;
    const { rounds } = made(async () => {
      count += 1;
    }, atOnce);
    rounds.start();
    await vi.advanceTimersByTimeAsync(99);
    expect(count).toBe(atOnce ? 1 : 0);
    await vi.advanceTimersByTimeAsync(201);
    expect(count).toBe(atOnce ? 4 : 3);
    await rounds.stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(count).toBe(atOnce ? 4 : 3);
  }
});

test('rounds never overlap, however long one takes, and stopping waits for the current round', async () => {
  let began = 0;
  let end = () => {};
  let wasTold = false;
  const { rounds } = made(async (isStopped) => {
    began += 1;
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    wasTold = isStopped();
  }, true);
  rounds.start();
  await vi.advanceTimersByTimeAsync(1000);
  expect(began).toBe(1);
  let isStopped = false;
  const stopping = rounds.stop().then(() => {
    isStopped = true;
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect(isStopped).toBe(false);
  end();
  await stopping;
  expect([began, wasTold]).toEqual([1, true]);
});

test('a round that fails is logged and does not end the others', async () => {
  let count = 0;
  const { rounds, logged } = made(async () => {
    count += 1;
    if (count === 1) throw new Error('no');
  });
  rounds.start();
  await vi.advanceTimersByTimeAsync(250);
  expect([count, logged]).toEqual([2, ['it failed']]);
  await rounds.stop();
});
