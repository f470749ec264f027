import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KnownId, planLinks, strongestFirst } from './linking.ts';
import { personNames } from './person-names.ts';
import { ID_KINDS, sameId, type VisitorId } from './visitor-id.ts';

/**
 * `person:p@1*` reads: the thirdPartyId `p` names profile 1, which has a thirdPartyId; without `@`
 * it is unknown. What follows in brackets are customer ids that the profile has: `tnt:t@1*(crm:x)`.
 */
function known(...written: string[]): KnownId<string>[] {
  return written.map((text) => {
    const [, kind, value, key, star, others] =
      /^(person|customer|ecid|tnt):([\w:]+)(?:@(\w+)(\*?)(?:\((.*)\))?)?$/.exec(text)!;
    const id = {
      kind: ({ person: 'thirdPartyId', customer: 'customerId', ecid: 'ecid', tnt: 'tntId' } as const)[kind!]!,
      value: value!,
    };
    const names: VisitorId[] = (others?.split(',') ?? []).map((its) => ({ kind: 'customerId', value: its }));
    if (star) names.push({ kind: 'thirdPartyId', value: `of-${key}` });
    return { id, profile: key === undefined ? undefined : { key, names: () => personNames(names) } };
  });
}

function told(ids: KnownId<string>[]): string {
  const { target, founder, steps } = planLinks(ids);
  const words = steps.map((step) =>
    step.kind === 'merge' ? `merge ${step.from}` : `${step.kind} ${step.id.value}`,
  );
  return [target ?? `new for ${founder?.value}`, ...words].join(', ');
}

describe('contract section 3: how the ids of a visit are linked', () => {
  test.each<[string, string[], string]>([
    ['one unknown id creates a profile', ['tnt:t'], 'new for t'],
    ['one known id finds its profile', ['tnt:t@1'], '1'],
    [
      'if all ids are unknown, the strongest gets a new profile and the others join it',
      ['person:p', 'ecid:e', 'tnt:t'],
      'new for p, join e, join t',
    ],
    ['a weaker unknown id joins', ['person:p@1*', 'tnt:t'], '1, join t'],
    ['a weaker id that already names the profile changes nothing', ['person:p@1*', 'tnt:t@1*'], '1'],
    ['a device is merged into the person', ['person:p@1*', 'tnt:t@2'], '1, merge 2'],
    ['two devices are merged', ['ecid:e@1', 'tnt:t@2'], '1, merge 2'],
    ['a person is merged into the device that a stronger id names', ['ecid:e@1', 'tnt:t@2*'], '1, merge 2'],
    ['an unknown strongest id joins the profile of the next known id', ['ecid:e', 'tnt:t@2*'], '2, join e'],
    ['an unknown thirdPartyId joins a device', ['person:p', 'tnt:t@2'], '2, join p'],
    [
      'an unknown thirdPartyId never joins another person, so the device is shared',
      ['person:p', 'tnt:t@2*'],
      'new for p, repoint t',
    ],
    ['only the shared device moves', ['person:p@1*', 'tnt:t@2*'], '1, repoint t'],
    [
      'two devices of another person move both',
      ['person:p@1*', 'ecid:e@2*', 'tnt:t@2*'],
      '1, repoint e, repoint t',
    ],
    [
      'of two devices, the shared one moves and the free one is merged',
      ['person:p@1*', 'ecid:e@2*', 'tnt:t@3'],
      '1, repoint e, merge 3',
    ],
    ['a free profile that two ids name is merged once', ['person:p@1*', 'ecid:e@2', 'tnt:t@2'], '1, merge 2'],
    [
      'a new person takes a free device beside a shared one',
      ['person:p', 'ecid:e@2*', 'tnt:t@3'],
      'new for p, repoint e, merge 3',
    ],
    [
      'what becomes a person by a merge is not merged with another person',
      ['ecid:e@1', 'tnt:t@2*'],
      '1, merge 2',
    ],
    [
      'an unknown thirdPartyId turns the device into a person before weaker ids are examined',
      ['person:p', 'ecid:e@1', 'tnt:t@2*'],
      '1, join p, repoint t',
    ],
    ['a customer id names a person', ['customer:crm:x@1(crm:x)', 'tnt:t@2'], '1, merge 2'],
    [
      'a thirdPartyId and a customer id name one person',
      ['person:p@1*', 'customer:crm:x@2(crm:x)'],
      '1, merge 2',
    ],
    ['ids of two aliases do not conflict', ['customer:crm:x@1(crm:x)', 'tnt:t@2(shop:y)'], '1, merge 2'],
    [
      'with two ids of one alias only the device moves',
      ['customer:crm:x@1(crm:x)', 'tnt:t@2(crm:y)'],
      '1, repoint t',
    ],
    ['an unknown customer id joins a device', ['customer:crm:x', 'tnt:t@1'], '1, join crm:x'],
    [
      'an unknown customer id joins a profile that has none of its alias',
      ['customer:crm:x', 'tnt:t@1*(shop:y)'],
      '1, join crm:x',
    ],
    [
      'an unknown customer id never joins a profile with another one of its alias',
      ['customer:crm:x', 'tnt:t@1(crm:y)'],
      'new for crm:x, repoint t',
    ],
    [
      'all names of a visit are considered before the first joins a device',
      ['person:p', 'customer:crm:x', 'tnt:t@1(crm:y)'],
      'new for p, join crm:x, repoint t',
    ],
    [
      'with a new thirdPartyId for a customer who has another, only the customer id moves',
      ['person:p', 'customer:crm:x@1*(crm:x)'],
      'new for p, repoint crm:x',
    ],
    [
      'of another person only the customer id moves',
      ['person:p@1*', 'customer:crm:x@2*(crm:x)'],
      '1, repoint crm:x',
    ],
    [
      'a known customer id stays where it is when the person has another of its alias',
      ['person:p@1*(crm:y)', 'customer:crm:x@2(crm:x)', 'tnt:t@2(crm:x)'],
      '1, repoint t',
    ],
    [
      'an unknown customer id joins nothing when the person has another of its alias',
      ['person:p@1*(crm:y)', 'customer:crm:x', 'tnt:t'],
      '1, join t',
    ],
    [
      'profiles that agree in one name and conflict in another belong to two people',
      ['customer:crm:x@1(crm:x,shop:a)', 'tnt:t@2(pos:1,shop:b)'],
      '1, repoint t',
    ],
    [
      'names that come with a merge are considered for the remaining ids',
      ['customer:crm:x@1(crm:x)', 'ecid:e@2*', 'tnt:t@3*'],
      '1, merge 2, repoint t',
    ],
  ])('%s', (_, ids, expected) => {
    expect(told(known(...ids))).toBe(expected);
  });

  test('ids are processed strongest first, whatever their order in the request', () => {
    const ids: VisitorId[] = [
      { kind: 'tntId', value: 't' },
      { kind: 'thirdPartyId', value: 'p' },
      { kind: 'ecid', value: 'e' },
    ];
    expect(strongestFirst(ids).map(({ kind }) => kind)).toEqual(['thirdPartyId', 'ecid', 'tntId']);
  });

  test('a visit without ids is an error of the caller', () => {
    expect(() => planLinks([])).toThrow(RangeError);
  });
});

const ALIASES = ['crm', 'shop'];
/**
 * Four profiles with up to one name of each sort, and a visit of which each id is unknown or names
 * one of them.
 */
const world = fc
  .record({
    profiles: fc.array(
      fc.record({
        person: fc.boolean(),
        crm: fc.boolean(),
        shop: fc.boolean(),
      }),
      { minLength: 4, maxLength: 4 },
    ),
    visit: fc
      .tuple(
        ...ID_KINDS.map((kind) => fc.option(fc.tuple(fc.constant(kind), fc.integer({ min: -1, max: 3 })))),
      )
      .map((ids) => ids.filter((id) => id !== null))
      .filter((ids) => ids.length > 0),
    alias: fc.constantFrom(...ALIASES),
  })
  .map(({ profiles, visit, alias }) => {
    const idsOf = (key: number): VisitorId[] => {
      const named = visit.some(([kind, other]) => other === key && kind === 'thirdPartyId');
      const called = (its: string) =>
        profiles[key]![its as 'crm' | 'shop'] ||
        (its === alias && visit.some(([kind, other]) => other === key && kind === 'customerId'));
      return [
        ...(profiles[key]!.person || named ? [{ kind: 'thirdPartyId', value: `p${key}` } as const] : []),
        ...ALIASES.filter(called).map((its) => ({ kind: 'customerId', value: `${its}:${key}` }) as const),
        { kind: 'ecid', value: `e${key}` },
        { kind: 'tntId', value: `t${key}` },
      ];
    };
    const ids = visit.map(([kind, key]): KnownId<number> => {
      const value = key < 0 ? 'new' : String(key);
      const id = { kind, value: kind === 'customerId' ? `${alias}:${value}` : `${kind[0]}${value}` };
      if (kind === 'thirdPartyId') id.value = `p${value}`;
      return { id, profile: key < 0 ? undefined : { key, names: () => personNames(idsOf(key)) } };
    });
    return { ids, idsOf };
  });

/** Whether there are two thirdPartyIds among ids, or two customer ids of one alias. */
function areTwoPeople(ids: readonly VisitorId[]): boolean {
  const sorts = ids.flatMap(({ kind, value }) => {
    if (kind === 'thirdPartyId') return [kind];
    return kind === 'customerId' ? [value.split(':')[0]] : [];
  });
  return new Set(sorts).size < sorts.length;
}

test('property: two people never become one, no profile loses its last id, and the ids name the target', () => {
  fc.assert(
    fc.property(world, ({ ids, idsOf }) => {
      const { target, founder, steps } = planLinks(ids);
      // The profiles after the plan, carried out in the simplest way.
      const left = new Map([0, 1, 2, 3].map((key) => [key, idsOf(key)]));
      let own = target === undefined ? [founder!] : left.get(target)!;
      if (target !== undefined) left.delete(target);
      for (const step of steps) {
        if (step.kind === 'merge') {
          own = [...own, ...left.get(step.from)!];
          left.delete(step.from);
        } else {
          own = [...own, step.id];
          if (step.kind === 'repoint') {
            const rest = left.get(step.from)!.filter((id) => !sameId(id, step.id));
            expect(rest).toHaveLength(left.get(step.from)!.length - 1);
            left.set(step.from, rest);
          }
        }
        expect(areTwoPeople(own)).toBe(false);
      }
      for (const rest of left.values()) expect(rest.length).toBeGreaterThan(0);
      for (const { id } of ids) {
        const isTaken = areTwoPeople([...own, id]);
        expect(isTaken || own.some((its) => sameId(its, id))).toBe(true);
      }
      expect(new Set(own.map(({ kind, value }) => `${kind} ${value}`)).size).toBe(own.length);
    }),
    { numRuns: 3000 },
  );
});
