import { expect, test } from 'vitest';
import { type CountedRequest, mboxCallsOf } from './mbox-calls.ts';

test.each<[string, CountedRequest, number]>([
  ['nothing', {}, 0],
  ['execute.pageLoad', { execute: { pageLoad: {} } }, 1],
  ['mboxes one each', { execute: { mboxes: [{}, {}, {}] } }, 3],
  ['both', { execute: { pageLoad: {}, mboxes: [{}, {}] } }, 3],
  ['nulls', { execute: { pageLoad: null, mboxes: null }, notifications: null }, 0],
  ['a prefetch is free', { prefetch: { mboxes: [{}], pageLoad: {} } } as CountedRequest, 0],
  ['notifications', { notifications: [{ mbox: {} }, { pageLoad: {} }, { view: {} }, {}] }, 3],
  ['all', { execute: { pageLoad: {}, mboxes: [{}] }, notifications: [{ mbox: {} }] }, 3],
])('the right number of mbox calls is counted for: %s', (_, request, calls) => {
  expect(mboxCallsOf(request)).toBe(calls);
});
