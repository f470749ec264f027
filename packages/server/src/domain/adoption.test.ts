import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planAdoption } from './adoption.ts';
import { listAttributes, newestAttributes, setAttributes } from './attributes.ts';
import { NO_ATTRIBUTES } from './packed-attributes.ts';
import { reunited } from './profile.ts';
import type { VisitorId } from './visitor-id.ts';

const names = fc.constantFrom('a', 'b', 'é', '__proto__');
/** Attributes as a life leaves it: settings one after the other, never backwards in time. */
const attributes = fc
  .array(fc.tuple(names, fc.constantFrom('1', '2', ''), fc.integer({ min: 0, max: 3 })), { maxLength: 8 })
  .map((sets) => {
    let at = 1_700_000_000_000;
    return sets.reduce((text, [name, value, elapse]) => {
      at += elapse;
      return setAttributes(text, new Map([[name, value]]), at);
    }, NO_ATTRIBUTES);
  });
const profile = fc.record({
  thirdPartyId: fc.constantFrom(undefined, 'p'),
  modifiedAt: fc.nat(9),
  expiresAt: fc.nat(9),
  attributes,
});

describe('two profiles of one visitor become one', () => {
  test('in whichever order, however often, and with a third', () => {
    fc.assert(
      fc.property(profile, profile, profile, (one, two, three) => {
        const both = reunited(one, two);
        expect(reunited(two, one)).toEqual(both);
        expect(reunited(both, one)).toEqual(both);
        expect(reunited(reunited(one, two), three)).toEqual(reunited(one, reunited(two, three)));
      }),
    );
  });

  test('of each name the newest value stays, oldest first', () => {
    fc.assert(
      fc.property(attributes, attributes, (one, two) => {
        const all = [...listAttributes(one), ...listAttributes(two)];
        const both = listAttributes(newestAttributes(one, two));
        expect(both.map(({ name }) => name).sort()).toEqual([...new Set(all.map(({ name }) => name))].sort());
        for (const { name, modifiedAt } of both) {
          const times = all.filter((other) => other.name === name).map((other) => other.modifiedAt);
          expect(modifiedAt).toBe(Math.max(...times));
        }
        const times = both.map(({ modifiedAt }) => modifiedAt);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
    );
  });
});

describe('an adopted profile finds its place', () => {
  const person: VisitorId = { kind: 'thirdPartyId', value: 'p' };
  const ecid: VisitorId = { kind: 'ecid', value: 'e' };
  const tnt: VisitorId = { kind: 'tntId', value: 't' };
  const known = (id: VisitorId, key?: string, thirdPartyId?: string) => ({
    id,
    profile: key === undefined ? undefined : { key, thirdPartyId },
  });

  test.each([
    [
      'all unknown',
      [known(person), known(tnt)],
      'p',
      { founder: person, steps: [{ kind: 'join', id: tnt }] },
    ],
    [
      'its twin',
      [known(person, 'A', 'p'), known(tnt)],
      'p',
      { target: 'A', steps: [{ kind: 'join', id: tnt }] },
    ],
    [
      'a device of its own',
      [known(person), known(tnt, 'A')],
      'p',
      { target: 'A', steps: [{ kind: 'join', id: person }] },
    ],
    ["another person's device", [known(person), known(tnt, 'Q', 'q')], 'p', { founder: person, steps: [] }],
    [
      'two devices apart',
      [known(ecid, 'A'), known(tnt, 'B')],
      undefined,
      { target: 'A', steps: [{ kind: 'merge', from: 'B' }] },
    ],
    [
      'two persons have its devices: the first takes it',
      [known(ecid, 'A', 'q'), known(tnt, 'B', 'r')],
      undefined,
      { target: 'A', steps: [] },
    ],
  ])('%s', (_, ids, thirdPartyId, expected) => {
    expect(planAdoption(ids, thirdPartyId)).toEqual({ target: undefined, founder: undefined, ...expected });
  });
});
