import { expect, test } from 'vitest';
import { recovered, whenKnown } from './now-or-later.ts';

const plus = (value: number, one: number, two: number) => value + one + two;

test('a known value is used at once', () => {
  expect(whenKnown(2, plus, 10, 100)).toBe(112);
});

test('a promise is awaited', async () => {
  const later = whenKnown(Promise.resolve(2), plus, 10, 100);
  expect(later).toBeInstanceOf(Promise);
  expect(await later).toBe(112);
});

test('a rejection is passed on unless it is handled', async () => {
  const rejected = () => Promise.reject<number>(new Error('no'));
  await expect(whenKnown(rejected(), plus, 10, 100)).rejects.toThrow('no');
  expect(await recovered(rejected(), (reason, one: string) => `${reason} ${one}`.length, '!')).toBe(11);
});

test('a known value and a fulfilled promise skip the recovery', async () => {
  const fail = () => {
    throw new Error('not called');
  };
  expect(recovered(2, fail)).toBe(2);
  expect(await recovered(Promise.resolve(2), fail)).toBe(2);
});
