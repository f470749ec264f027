import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planAdoption } from './adoption.ts';
import { NO_ATTRIBUTES } from './attributes/packed-attributes.ts';
import { listAttributes, newestAttributes, setAttributes } from './attributes.ts';
import { personNames } from './person-names.ts';
import { reunited } from './profile.ts';
import type { VisitorId } from './visitor-id.ts';

const names = fc.constantFrom('a', 'b', 'é', '__proto__');
/** Realistic attributes: set one after the other, never back in time. */
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
  test('in either order, however often, and together with a third', () => {
    fc.assert(
      fc.property(profile, profile, profile, (one, two, three) => {
        const both = reunited(one, two);
        expect(reunited(two, one)).toEqual(both);
        expect(reunited(both, one)).toEqual(both);
        expect(reunited(reunited(one, two), three)).toEqual(reunited(one, reunited(two, three)));
      }),
    );
  });

  test('keeping the newest value of each name, oldest first', () => {
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

describe('an adopted profile is put in its place', () => {
  const person: VisitorId = { kind: 'thirdPartyId', value: 'p' };
  const ecid: VisitorId = { kind: 'ecid', value: 'e' };
  const tnt: VisitorId = { kind: 'tntId', value: 't' };
  const crm = (value: string): VisitorId => ({ kind: 'customerId', value: `crm:${value}` });
  const shop = (value: string): VisitorId => ({ kind: 'customerId', value: `shop:${value}` });
  const names = (name: VisitorId | string) =>
    typeof name === 'string' ? ({ kind: 'thirdPartyId', value: name } as const) : name;
  const known = (id: VisitorId, key?: string, ...called: (VisitorId | string)[]) => ({
    id,
    profile: key === undefined ? undefined : { key, names: () => personNames(called.map(names)) },
  });

  test.each([
    [
      'only unknown ids',
      [known(person), known(tnt)],
      { founder: person, steps: [{ kind: 'join', id: tnt }] },
    ],
    ['its twin', [known(person, 'A', 'p'), known(tnt)], { target: 'A', steps: [{ kind: 'join', id: tnt }] }],
    [
      'a device of its own',
      [known(person), known(tnt, 'A')],
      { target: 'A', steps: [{ kind: 'join', id: person }] },
    ],
    ["another person's device", [known(person), known(tnt, 'Q', 'q')], { founder: person, steps: [] }],
    [
      'two devices apart',
      [known(ecid, 'A'), known(tnt, 'B')],
      { target: 'A', steps: [{ kind: 'merge', from: 'B' }] },
    ],
    [
      'its devices at two persons, where the first one adopts it',
      [known(ecid, 'A', 'q'), known(tnt, 'B', 'r')],
      { target: 'A', steps: [] },
    ],
    [
      'its twin by a customer id',
      [known(crm('1'), 'A', crm('1')), known(tnt)],
      { target: 'A', steps: [{ kind: 'join', id: tnt }] },
    ],
    [
      'one device of two customers',
      [known(crm('1')), known(tnt, 'A', crm('2'))],
      { founder: crm('1'), steps: [] },
    ],
    [
      'the same person with another customer id here, which stays',
      [known(person, 'A', 'p', crm('2')), known(crm('1')), known(tnt)],
      { target: 'A', steps: [{ kind: 'join', id: tnt }] },
    ],
    [
      'the same customer with another thirdPartyId here, so they are two people',
      [known(person), known(crm('1'), 'A', 'q', crm('1')), known(tnt)],
      { founder: person, steps: [{ kind: 'join', id: tnt }] },
    ],
    [
      'only known ids of conflicting profiles, where that of its strongest id adopts it',
      [known(crm('1'), 'A', crm('1'), shop('2')), known(shop('1'), 'B', shop('1'), crm('2'))],
      { target: 'A', steps: [] },
    ],
  ])('when it finds: %s', (_, ids, expected) => {
    expect(planAdoption(ids)).toEqual({ target: undefined, founder: undefined, ...expected });
  });
});

const NAMES = [
  'thirdPartyId p',
  'thirdPartyId q',
  'customerId crm:1',
  'customerId crm:2',
  'customerId shop:1',
];
const idOf = (text: string): VisitorId => {
  const [kind, value] = text.split(' ') as [VisitorId['kind'], string];
  return { kind, value };
};
const sortOf = (name: string) =>
  name
    .split(/[ :]/)
    .slice(0, name.startsWith('c') ? 2 : 1)
    .join();
/** Up to one name of each sort. */
const someNames = fc
  .subarray(NAMES)
  .map((names) => [...new Map(names.map((name) => [sortOf(name), name])).values()]);

test('property: two people never become one when a profile is adopted', () => {
  const world = fc.record({
    adopted: someNames,
    here: fc.array(someNames, { maxLength: 3 }),
    device: fc.nat(3),
  });
  fc.assert(
    fc.property(world, ({ adopted, here, device }) => {
      // An id names only one profile: if it was drawn for two, the first has it.
      const profiles = here.map((names, key) =>
        names.filter((name) => !here.slice(0, key).flat().includes(name)),
      );
      const namesOf = (key: number) => profiles[key]!;
      const keyOf = (name: string) => profiles.findIndex((names) => names.includes(name));
      const knownAt = (id: VisitorId, key: number) => {
        const names = () => personNames(namesOf(key).map(idOf));
        return { id, profile: profiles[key] && { key, names } };
      };
      const ids = [
        ...adopted.map((name) => knownAt(idOf(name), keyOf(name))),
        knownAt({ kind: 'tntId', value: 't' }, device),
      ];
      const { target, founder, steps } = planAdoption(ids);
      const after = target === undefined ? [`${founder!.kind} ${founder!.value}`] : [...namesOf(target)];
      for (const step of steps) {
        if (step.kind === 'merge') after.push(...namesOf(step.from));
        else if (step.id.kind !== 'tntId') after.push(`${step.id.kind} ${step.id.value}`);
      }
      const sorts = after.filter((name) => !name.startsWith('tntId')).map(sortOf);
      expect(new Set(sorts).size).toBe(sorts.length);
    }),
    { numRuns: 2000 },
  );
});
