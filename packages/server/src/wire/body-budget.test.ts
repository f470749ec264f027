import { expect, test } from 'vitest';
import { BodyBudget, SMALL_BODY_BYTES } from './body-budget.ts';

const LARGE = SMALL_BODY_BYTES + 1;

test('small bodies are not counted, and large ones share the budget', () => {
  const budget = new BodyBudget(2 * LARGE);
  expect(budget.take(0, SMALL_BODY_BYTES)).toBe(0);
  const one = budget.take(0, LARGE);
  const other = budget.take(0, LARGE);
  expect([one, other]).toEqual([LARGE, LARGE]);
  expect(() => budget.take(0, LARGE)).toThrow('body: too many large bodies at the same time');
  expect(budget.take(0, SMALL_BODY_BYTES)).toBe(0);
  budget.release(one);
  expect(budget.take(0, LARGE)).toBe(LARGE);
});

test('a growing body is counted once it is large, and refused when the budget is used up', () => {
  const budget = new BodyBudget(LARGE + 10);
  let counted = budget.take(0, 10);
  expect(counted).toBe(0);
  counted = budget.take(counted, LARGE);
  counted = budget.take(counted, LARGE + 10);
  expect(() => budget.take(counted, LARGE + 11)).toThrow('too many large bodies');
  budget.release(counted);
  expect(budget.take(0, LARGE + 10)).toBe(LARGE + 10);
});
