import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  joinedSession,
  type LiveSession,
  packSession,
  sessionBuiltIns,
  sessionOfCall,
  unpackSession,
} from './session.ts';

const T0 = Date.UTC(2026, 7, 18, 17, 53, 39, 3);
const MINUTE = 60_000;
const DAY = 86_400_000;

/** The session after calls at these times. */
function sessionAfter(times: readonly number[], page?: string) {
  let known: LiveSession | undefined;
  let isNew = false;
  for (const time of times) ({ session: known, isNew } = sessionOfCall(known, undefined, page, time));
  return { session: known!, isNew };
}

describe('a session', () => {
  test.each([
    ['calls every 29 minutes keep one', [0, 29, 58, 87], 1],
    ['30 minutes to the millisecond end one', [0, 30], 2],
    ['an hour between ends one, not two', [0, 100], 2],
    ['three visits', [0, 10, 60, 70, 200], 3],
  ])('follows the 30-minute rule: %s', (_, minutes, count) => {
    expect(sessionAfter(minutes.map((minute) => T0 + minute * MINUTE)).session.count).toBe(count);
  });

  test('goes on after one millisecond less than 30 minutes', () => {
    expect(sessionAfter([T0, T0 + 30 * MINUTE - 1])).toMatchObject({ isNew: false, session: { count: 1 } });
  });

  test('goes on when the clock steps back', () => {
    expect(sessionAfter([T0, T0 - DAY]).session.count).toBe(1);
  });

  test('keeps the first page that any of its calls had', () => {
    const first = sessionOfCall(undefined, undefined, undefined, T0).session;
    const second = sessionOfCall(first, undefined, 'https://a.example/', T0 + 1).session;
    const third = sessionOfCall(second, undefined, 'https://b.example/', T0 + 2).session;
    expect(third.landingPage).toBe('https://a.example/');
    const next = sessionOfCall(third, undefined, `https://c.example/${'x'.repeat(5000)}`, T0 + DAY).session;
    expect(next.landingPage).toHaveLength(4096);
  });

  test('that is noted for the first time starts at the first call of the profile', () => {
    expect(sessionOfCall(undefined, T0, undefined, T0 + MINUTE)).toMatchObject({
      isNew: false,
      session: { count: 1, start: T0, first: T0 },
    });
    expect(sessionOfCall(undefined, T0, undefined, T0 + 3 * DAY)).toMatchObject({
      isNew: true,
      session: { count: 2, start: T0 + 3 * DAY, first: T0, previousEnd: T0 },
    });
    expect(sessionOfCall(undefined, T0 + DAY, undefined, T0).session).toMatchObject({ count: 1, start: T0 });
  });
});

test('the built-in values tell first, second and third session apart', () => {
  const builtIns = (days: number[]) => {
    const { session, isNew } = sessionAfter(days.map((day) => T0 + day * DAY));
    return sessionBuiltIns(session, isNew);
  };
  expect(builtIns([0])).toEqual({
    isFirstSession: true,
    isNewSession: true,
    sessionCount: 1,
    daysSinceLastVisit: 0,
    averageDaysBetweenVisits: 0,
  });
  expect(builtIns([0, 0.001])).toMatchObject({ isFirstSession: true, isNewSession: false });
  expect(builtIns([0, 2.9])).toMatchObject({ isFirstSession: false, daysSinceLastVisit: 2 });
  expect(builtIns([0, 3, 10])).toEqual({
    isFirstSession: false,
    isNewSession: true,
    sessionCount: 3,
    daysSinceLastVisit: 7,
    averageDaysBetweenVisits: 5,
  });
});

const someSession = fc
  .record({
    gaps: fc.array(fc.integer({ min: 1, max: 100 * MINUTE }), { minLength: 1, maxLength: 8 }),
    page: fc.constantFrom(undefined, 'https://a.example/', 'https://b.example/?a b'),
  })
  .map(({ gaps, page }) => {
    let now = T0;
    return sessionAfter(
      gaps.map((gap) => {
        now += gap;
        return now;
      }),
      page,
    ).session;
  });

test('property: packing keeps a session exactly', () => {
  fc.assert(
    fc.property(someSession, ({ lastCall, ...session }) => {
      expect(unpackSession(packSession(session))).toEqual(session);
    }),
  );
  expect(() => unpackSession('2 !')).toThrow(RangeError);
});

test('property: joining gives the same in either order, and joining again changes nothing', () => {
  fc.assert(
    fc.property(someSession, someSession, (one, other) => {
      const joined = joinedSession(one, other);
      expect(joinedSession(other, one)).toEqual(joined);
      expect(joinedSession(joined, other)).toEqual(joined);
      expect(joinedSession(joined, joined)).toEqual(joined);
      expect(joined.lastCall).toBe(Math.max(one.lastCall, other.lastCall));
    }),
  );
});

test('a visitor seen on another device days ago is not in a first session', () => {
  const phone = sessionAfter([T0]).session;
  const desk = sessionAfter([T0 + 4 * DAY]).session;
  expect(sessionBuiltIns(joinedSession(phone, desk), false)).toMatchObject({
    isFirstSession: false,
    daysSinceLastVisit: 4,
  });
});
