import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attributesJson } from './attributes/attributes-json.ts';
import { attributesSize, listAttributes, listState, packAttributes, setAttributes } from './attributes.ts';
import { merged, newProfile, type Profile, reunited, visitedProfile, withAttributes } from './profile.ts';
import { notesAt, notesOfCall, type SeenVisit } from './visit-notes.ts';
import { STATE } from './visitor-state.ts';

const T0 = Date.UTC(2026, 7, 18, 17, 53, 39, 3);
const MINUTE = 60_000;
const at = (now: number) => ({ now, lifetimeDays: 14 });
const born = () => newProfile({ kind: 'tntId', value: 't' }, at(T0));

function visited(
  profile: Profile,
  now: number,
  seen?: Partial<SeenVisit>,
  settings: [string, string][] = [],
) {
  return visitedProfile(
    profile,
    {
      settings: new Map(settings),
      ...(seen && { seen: { categories: [], notesSessions: false, ...seen } }),
    },
    at(now),
    false,
  ) as Profile;
}

const stateOf = ({ attributes }: Profile) => listState(attributes).map(({ name }) => name);
const scoresOf = ({ attributes }: Profile, now: number) =>
  notesAt(attributes, now)?.affinity.map(({ name, score }) => `${name} ${score}`);

describe('the notes of a visit', () => {
  test('are empty when no category was ever sent and the client has no script', () => {
    const once = visited(born(), T0, {});
    const twice = visited(once, T0 + MINUTE, { page: 'https://a.example/' });
    expect(stateOf(twice)).toEqual([]);
    expect(twice.attributes.equals(once.attributes)).toBe(true);
  });

  test('hold session and scores from the first category on, updated by each call, in ten bytes', () => {
    const first = visited(born(), T0, { categories: ['shoes'] });
    expect(stateOf(first)).toEqual([STATE.lastCall, STATE.session, STATE.affinity]);
    const second = visited(first, T0 + MINUTE);
    expect(second.attributes.length - first.attributes.length).toBe(7);
    expect(second.modifiedAt).toBe(first.modifiedAt);
    expect(listState(second.attributes).at(-1)).toMatchObject({
      name: STATE.lastCall,
      value: '',
      modifiedAt: T0 + MINUTE,
    });
  });

  test('record the end of a session at the next call, and show it to any reader before that', () => {
    const first = visited(born(), T0, { categories: ['shoes'] });
    expect(scoresOf(first, T0 + 29 * MINUTE)).toEqual(['shoes 10']);
    expect(scoresOf(first, T0 + 30 * MINUTE)).toEqual(['shoes 5']);
    expect(scoresOf(first, T0 + 900 * MINUTE)).toEqual(['shoes 5']);
    const second = visited(first, T0 + 30 * MINUTE);
    expect(scoresOf(second, T0 + 30 * MINUTE)).toEqual(['shoes 5']);
    const third = visited(second, T0 + 61 * MINUTE, { categories: ['hats'] });
    expect(scoresOf(third, T0 + 61 * MINUTE)).toEqual(['hats 5', 'shoes 1.5']);
    expect(notesAt(third.attributes, T0 + 61 * MINUTE)?.session.count).toBe(3);
  });

  test('hold landing pages only where sessions are noted', () => {
    const page = 'https://a.example/?p=1';
    const quiet = visited(born(), T0, { categories: ['shoes'], page });
    expect(notesAt(quiet.attributes, T0)?.session.landingPage).toBeUndefined();
    const noted = visited(quiet, T0 + 1, { notesSessions: true, page });
    expect(notesAt(noted.attributes, T0)?.session.landingPage).toBe(page);
  });

  test('are not changed by an update in between', () => {
    const first = visited(born(), T0, { categories: ['shoes'] });
    const updated = withAttributes(first, new Map([['plan', 'gold']]), at(T0 + 40 * MINUTE)) as Profile;
    expect(notesAt(updated.attributes, T0)).toEqual(notesAt(first.attributes, T0));
  });
});

test('tell a script what the current call brings', () => {
  const first = visited(born(), T0, { categories: ['shoes'] });
  const seen = { categories: ['hats'], notesSessions: true, page: 'https://a.example/' };
  const notes = notesOfCall(first.attributes, seen, T0 + 40 * MINUTE);
  expect(notes).toMatchObject({
    isNewSession: true,
    session: { count: 2, landingPage: 'https://a.example/' },
    affinity: [
      { name: 'hats', score: 5 },
      { name: 'shoes', score: 4 },
    ],
  });
  const stored = visited(first, T0 + 40 * MINUTE, seen);
  expect(notesAt(stored.attributes, T0 + 40 * MINUTE)?.affinity).toEqual(notes.affinity);
});

test('appear in no fetch and no list of attributes, and do not count towards the limit', () => {
  const plain = visited(born(), T0, {}, [['plan', 'gold']]);
  const noted = visited(born(), T0, { categories: ['shoes'] }, [['plan', 'gold']]);
  const json = ({ attributes }: Profile) => attributesJson(attributes, 0, attributes.length);
  expect(json(noted)).toBe(json(plain));
  expect(listAttributes(noted.attributes)).toEqual(listAttributes(plain.attributes));
  expect(attributesSize(noted.attributes)).toBe(attributesSize(plain.attributes));
  const stateAlone = setAttributes(Buffer.alloc(0), new Map(), T0, new Map([[STATE.lastCall, '']]));
  expect(attributesJson(stateAlone, 0, stateAlone.length)).toBe('{}');
});

test('do not include an attribute whose name begins with a control character', () => {
  const profile = visited(born(), T0, {}, [['\u0001', 'mine']]);
  expect(listAttributes(profile.attributes)[0]).toMatchObject({ name: '\u0001', value: 'mine' });
  expect(stateOf(profile)).toEqual([]);
});

test('of visitors who are merged keep the later session and the higher score of each category', () => {
  const phone = visited(born(), T0, { categories: ['shoes', 'hats'] });
  const desk = visited(born(), T0 + 45 * MINUTE, { categories: ['hats', 'coats'] }, [['plan', 'gold']]);
  const one = merged(desk, phone, at(T0 + 50 * MINUTE));
  expect(scoresOf(one, T0 + 50 * MINUTE)).toEqual(['hats 9', 'coats 5', 'shoes 4.5']);
  expect(notesAt(one.attributes, T0)?.session).toMatchObject({ count: 2, lastCall: T0 + 45 * MINUTE });
  const onlyOne = merged(born(), phone, at(T0 + 50 * MINUTE));
  expect(notesAt(onlyOne.attributes, T0)).toEqual(notesAt(phone.attributes, T0));
});

const someVisits = fc.array(
  fc.record({
    elapse: fc.integer({ min: 0, max: 90 * MINUTE }),
    categories: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 3 }),
    notesSessions: fc.boolean(),
    page: fc.constantFrom(undefined, 'https://a.example/'),
    settings: fc.array(fc.tuple(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')), { maxLength: 2 }),
  }),
  { maxLength: 12 },
);
const someProfile = someVisits.map((visits) => {
  let now = T0;
  return visits.reduce((profile, { elapse, settings, ...seen }) => {
    now += elapse;
    return visited(profile, now, seen, settings);
  }, born());
});

test('keep the order of categories with one score when nothing is merged, or the same is merged again', () => {
  const alone = visited(born(), T0, { categories: ['e', 'a', 'b'] });
  const once = reunited(born(), alone);
  expect(notesAt(reunited(once, alone).attributes, T0)).toEqual(notesAt(once.attributes, T0));
});

test('property: are the same for twins merged in either order, and merging again changes nothing', () => {
  fc.assert(
    fc.property(someProfile, someProfile, (one, other) => {
      const together = reunited(one, other);
      const swapped = reunited(other, one);
      expect(notesAt(swapped.attributes, T0)).toEqual(notesAt(together.attributes, T0));
      expect(listAttributes(swapped.attributes)).toEqual(listAttributes(together.attributes));
      const again = reunited(together, other);
      expect(notesAt(again.attributes, T0)).toEqual(notesAt(together.attributes, T0));
    }),
  );
});

test('property: pack to the same bytes after a transfer to another edge cluster', () => {
  fc.assert(
    fc.property(someProfile, ({ attributes }) => {
      expect(packAttributes(listAttributes(attributes), listState(attributes)).equals(attributes)).toBe(true);
    }),
  );
});
