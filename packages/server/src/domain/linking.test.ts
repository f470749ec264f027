import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KnownId, planLinks, strongestFirst } from './linking.ts';
import { ID_KINDS, type VisitorId } from './visitor-id.ts';

/** `person:p@1*` reads: the thirdPartyId `p` names profile 1, which bears a thirdPartyId; without `@` it is unknown. */
function known(...written: string[]): KnownId<string>[] {
  return written.map((text) => {
    const [, kind, value, key, star] = /^(person|ecid|tnt):(\w+)(?:@(\w+)(\*?))?$/.exec(text)!;
    const id = {
      kind: ({ person: 'thirdPartyId', ecid: 'ecid', tnt: 'tntId' } as const)[kind!]!,
      value: value!,
    };
    return {
      id,
      profile: key === undefined ? undefined : { key, thirdPartyId: star ? `of-${key}` : undefined },
    };
  });
}

function told(ids: KnownId<string>[]): string {
  const { target, founder, steps } = planLinks(ids);
  const words = steps.map((step) =>
    step.kind === 'merge' ? `merge ${step.from}` : `${step.kind} ${step.id.value}`,
  );
  return [target ?? `new for ${founder?.value}`, ...words].join(', ');
}

describe('contract section 3: what becomes of the ids of a visit', () => {
  test.each<[string, string[], string]>([
    ['one unknown id: a new profile', ['tnt:t'], 'new for t'],
    ['one known id: its profile', ['tnt:t@1'], '1'],
    [
      'all unknown: a new profile for the strongest, the others join',
      ['person:p', 'ecid:e', 'tnt:t'],
      'new for p, join e, join t',
    ],
    ['a weaker unknown id joins', ['person:p@1*', 'tnt:t'], '1, join t'],
    ['a weaker id that names the very profile: nothing to do', ['person:p@1*', 'tnt:t@1*'], '1'],
    ['a device is merged into the person', ['person:p@1*', 'tnt:t@2'], '1, merge 2'],
    ['two devices are merged', ['ecid:e@1', 'tnt:t@2'], '1, merge 2'],
    ['a person is merged into the device that a stronger id names', ['ecid:e@1', 'tnt:t@2*'], '1, merge 2'],
    ['an unknown strongest id joins the next known', ['ecid:e', 'tnt:t@2*'], '2, join e'],
    ['an unknown thirdPartyId joins a device', ['person:p', 'tnt:t@2'], '2, join p'],
    [
      'an unknown thirdPartyId never joins another person: shared device',
      ['person:p', 'tnt:t@2*'],
      'new for p, repoint t',
    ],
    ['a shared device moves alone', ['person:p@1*', 'tnt:t@2*'], '1, repoint t'],
    [
      'two devices of another person move both',
      ['person:p@1*', 'ecid:e@2*', 'tnt:t@2*'],
      '1, repoint e, repoint t',
    ],
    ['one device shared, one free', ['person:p@1*', 'ecid:e@2*', 'tnt:t@3'], '1, repoint e, merge 3'],
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
      'an unknown thirdPartyId makes the device a person before weaker ids are looked at',
      ['person:p', 'ecid:e@1', 'tnt:t@2*'],
      '1, join p, repoint t',
    ],
  ])('%s', (_, ids, expected) => {
    expect(told(known(...ids))).toBe(expected);
  });

  test('ids are taken strongest first, whatever order they come in', () => {
    const ids: VisitorId[] = [
      { kind: 'tntId', value: 't' },
      { kind: 'thirdPartyId', value: 'p' },
      { kind: 'ecid', value: 'e' },
    ];
    expect(strongestFirst(ids).map(({ kind }) => kind)).toEqual(['thirdPartyId', 'ecid', 'tntId']);
  });

  test('a visit without ids is a mistake of the caller', () => {
    expect(() => planLinks([])).toThrow(RangeError);
  });
});

const world = fc
  .uniqueArray(fc.constantFrom(...ID_KINDS), { minLength: 1 })
  .chain((kinds) =>
    fc.tuple(...kinds.map((kind) => fc.tuple(fc.constant(kind), fc.integer({ min: 0, max: 3 })))),
  )
  .chain((ids) =>
    fc.tuple(fc.constant(ids), fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean())),
  )
  .map(([ids, persons]) =>
    strongestFirst(ids.map(([kind, profile]) => ({ kind, value: String(profile) }))).map(
      (id): KnownId<number> => {
        const profile = Number(id.value);
        // Profile 0 stands for unknown; a known thirdPartyId always names a person.
        if (profile === 0) return { id, profile: undefined };
        const isPerson = id.kind === 'thirdPartyId' || persons[profile];
        return { id, profile: { key: profile, thirdPartyId: isPerson ? `p${profile}` : undefined } };
      },
    ),
  )
  // One profile is either a person's or not, whichever id names it.
  .map((ids) =>
    ids.map(({ id, profile }) => {
      const person = ids.find((other) => other.profile?.key === profile?.key && other.profile?.thirdPartyId);
      return { id, profile: profile && { ...profile, thirdPartyId: person?.profile?.thirdPartyId } };
    }),
  );

test('property: never two persons in one profile, and afterwards every id names the target', () => {
  fc.assert(
    fc.property(world, (ids) => {
      const { target, founder, steps } = planLinks(ids);
      const persons = new Set<string>();
      if (founder?.kind === 'thirdPartyId') persons.add(founder.value);
      const inTarget = new Set<number | undefined>([target]);
      const named = new Set<VisitorId>(founder ? [founder] : []);
      for (const step of steps) {
        if (step.kind === 'merge') inTarget.add(step.from);
        else {
          named.add(step.id);
          if (step.id.kind === 'thirdPartyId') persons.add(step.id.value);
        }
      }
      for (const { id, profile } of ids) {
        const absorbed = profile !== undefined && inTarget.has(profile.key);
        if (absorbed && profile.thirdPartyId) persons.add(profile.thirdPartyId);
        expect(absorbed || named.has(id)).toBe(true);
      }
      expect(persons.size).toBeLessThanOrEqual(1);
    }),
    { numRuns: 2000 },
  );
});
