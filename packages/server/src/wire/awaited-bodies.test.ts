import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AwaitedBodies } from './awaited-bodies.ts';
import { readBody } from './body.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a late body is refused within a second, and the others are not', () => {
  const bodies = new AwaitedBodies(5000);
  const late: string[] = [];
  const awaiting = (name: string) => bodies.await(() => late.push(name));
  awaiting('first');
  const second = awaiting('second');
  vi.advanceTimersByTime(3000);
  awaiting('third');
  second.end();
  vi.advanceTimersByTime(2000);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(late).toEqual(['first']);
  vi.advanceTimersByTime(3000);
  expect(late).toEqual(['first', 'third']);
});

test('a body that arrives after its refusal changes nothing for others', () => {
  const bodies = new AwaitedBodies(5000);
  const late: string[] = [];
  const awaiting = (name: string) => bodies.await(() => late.push(name));
  const first = awaiting('first');
  vi.advanceTimersByTime(3000);
  const second = awaiting('second');
  vi.advanceTimersByTime(3000);
  second.end();
  awaiting('third');
  first.end();
  vi.advanceTimersByTime(10_000);
  expect(late).toEqual(['first', 'third']);
});

test('the clock stands still while no body is awaited, and runs again for the next', () => {
  const bodies = new AwaitedBodies(5000);
  bodies.await(() => {}).end();
  vi.advanceTimersByTime(1000);
  expect(vi.getTimerCount()).toBe(0);
  const refuse = vi.fn();
  bodies.await(refuse);
  vi.advanceTimersByTime(4000);
  expect(refuse).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2000);
  expect(refuse).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(1000);
  expect(vi.getTimerCount()).toBe(0);
});

test('a body that announces its length and does not arrive is refused after 30 seconds', async () => {
  const request = new Request('http://localhost/', { method: 'POST', headers: { 'content-length': '3' } });
  vi.spyOn(request, 'arrayBuffer').mockReturnValue(new Promise(() => {}));
  const refused = expect(readBody(request, 1000)).rejects.toMatchObject({
    code: 'request-timeout',
    message: 'body: must arrive within 30 seconds',
    headers: { connection: 'close' },
  });
  await vi.advanceTimersByTimeAsync(31_000);
  await refused;
});
