import { describe, expect, test } from 'vitest';
import { attributesSize, listAttributes, MAX_ATTRIBUTES_SIZE } from './attributes.ts';
import { newProfile, type Profile, visitedProfile, withAttributes } from './profile.ts';
import { FIRST_SESSION_START } from './session.ts';

const T0 = Date.parse('2026-08-18T12:00:00Z');
const at = (now: number) => ({ now, lifetimeDays: 14 });

/** A profile whose attributes total so many bytes. */
function profileOf(size: number): Profile {
  const grown = withAttributes(
    newProfile({ kind: 'tntId', value: 't' }, at(T0)),
    new Map([['a', 'x'.repeat(size - 1)]]),
    at(T0),
  );
  if (grown === 'too-large') throw new RangeError('more than a profile may have');
  return grown;
}

describe('the first visit sets firstSessionStart', () => {
  test('after the attributes of the visit, with the same time, and no later visit sets it again', () => {
    const first = visitedProfile(
      newProfile({ kind: 'tntId', value: 't' }, at(T0)),
      { settings: new Map([['plan', 'gold']]) },
      at(T0),
      false,
    );
    const later = visitedProfile(
      first as Profile,
      { settings: new Map([['plan', 'free']]) },
      at(T0 + 1),
      false,
    ) as Profile;
    expect(listAttributes((first as Profile).attributes)).toEqual([
      { name: 'plan', value: 'gold', modifiedAt: T0 },
      { name: FIRST_SESSION_START, value: String(T0), modifiedAt: T0 },
    ]);
    expect(listAttributes(later.attributes)).toEqual([
      { name: FIRST_SESSION_START, value: String(T0), modifiedAt: T0 },
      { name: 'plan', value: 'free', modifiedAt: T0 + 1 },
    ]);
  });

  test('even when the visit sets nothing else, which counts as a change', () => {
    const profile = visitedProfile(profileOf(10), { settings: new Map() }, at(T0 + 5), false) as Profile;
    expect(profile.modifiedAt).toBe(T0 + 5);
    expect(listAttributes(profile.attributes).map(({ name }) => name)).toEqual(['a', FIRST_SESSION_START]);
  });

  test('unless the visit itself sets it', () => {
    const settings = new Map([[FIRST_SESSION_START, 'mine']]);
    const profile = visitedProfile(profileOf(10), { settings }, at(T0), false) as Profile;
    expect(listAttributes(profile.attributes).at(-1)!.value).toBe('mine');
  });

  test('without counting it towards the limit, unlike the attributes of the visit', () => {
    const settings = new Map([['b', 'y'.repeat(9)]]);
    const full = visitedProfile(profileOf(MAX_ATTRIBUTES_SIZE - 10), { settings }, at(T0), false) as Profile;
    expect(attributesSize(full.attributes)).toBe(MAX_ATTRIBUTES_SIZE + `${FIRST_SESSION_START}${T0}`.length);
    expect(listAttributes(full.attributes).map(({ name }) => name)).toEqual(['a', 'b', FIRST_SESSION_START]);
    expect(visitedProfile(profileOf(MAX_ATTRIBUTES_SIZE - 9), { settings }, at(T0), false)).toBe('too-large');
  });

  test('a visit that merges profiles never shortens a lifetime', () => {
    const long = { ...profileOf(10), expiresAt: T0 + 1e12 };
    expect((visitedProfile(long, { settings: new Map() }, at(T0), true) as Profile).expiresAt).toBe(
      T0 + 1e12,
    );
    expect((visitedProfile(long, { settings: new Map() }, at(T0), false) as Profile).expiresAt).toBeLessThan(
      T0 + 1e12,
    );
  });
});
