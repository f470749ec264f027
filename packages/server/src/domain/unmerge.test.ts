import { describe, expect, test } from 'vitest';
import { listAttributes, packAttributes } from './attributes.ts';
import type { Profile } from './profile.ts';
import { MAX_MERGE_IDS, type MergeRecord, planUnmerge, recordedMerge } from './unmerge.ts';

const packed = (values: Record<string, string>, modifiedAt = 5) =>
  packAttributes(Object.entries(values).map(([name, value]) => ({ name, value, modifiedAt })));
const profileOf = (values: Record<string, string>, thirdPartyId?: string): Profile => ({
  ...{ thirdPartyId, modifiedAt: 50, expiresAt: 1000 },
  attributes: packed(values),
});
const id = (value: string, since: number) => ({ kind: 'tntId', value, since }) as const;
const names = ({ attributes }: Profile) => listAttributes(attributes).map(({ name }) => name);

const record: MergeRecord = {
  ...{ id: 'm', at: 10, into: { kind: 'thirdPartyId', value: 'p' }, ids: [id('device', 1)] },
  profile: profileOf({ country: 'france', size: 'L', color: 'red' }),
  overruled: ['country'],
  undoneAt: undefined,
};
const merged = {
  profile: profileOf({ country: 'france', size: 'L', color: 'blue', plan: 'gold' }, 'p'),
  ids: [id('other', 2), id('device', 1)],
};

test('the remaining profile loses what came with the merge and is unchanged since', () => {
  const plan = planUnmerge(record, merged, 60);
  if (typeof plan === 'string') throw new Error(plan);
  // The country was overruled, so its value is not from the merge, even if it is equal.
  expect(plan.removed).toEqual(['size']);
  expect(names(plan.remaining)).toEqual(['country', 'color', 'plan']);
  expect(plan.remaining).toMatchObject({ thirdPartyId: 'p', modifiedAt: 60 });
  expect(names(plan.separate)).toEqual(['country', 'size', 'color']);
  expect(plan.separate).toMatchObject({ thirdPartyId: undefined, modifiedAt: 60, expiresAt: 1000 });
});

test('a person who was merged takes the thirdPartyId along', () => {
  const plan = planUnmerge({ ...record, profile: profileOf({}, 'p') }, merged, 60);
  expect(plan).toMatchObject({ separate: { thirdPartyId: 'p' }, remaining: { thirdPartyId: undefined } });
});

describe('a merge cannot be undone', () => {
  test.each([
    ['twice', { ...record, undoneAt: 20 }, merged, 'undone already'],
    ['without attributes', { ...record, profile: undefined }, merged, 'too large'],
    ['without the merged profile', record, undefined, 'expired or was removed'],
    ['when an id has left', record, { ...merged, ids: [id('other', 2)] }, 'names another profile'],
    [
      'when an id left and came back',
      record,
      { ...merged, ids: [id('device', 30)] },
      'names another profile',
    ],
  ])('%s', (_, of, present, reason) => {
    expect(planUnmerge(of, present, 60)).toContain(reason);
  });
});

test('a profile with too many ids or bytes is recorded without attributes', () => {
  const { profile } = merged;
  const present = packed({ size: 'S' });
  expect(recordedMerge(profile, MAX_MERGE_IDS, present)).toEqual({ profile, overruled: ['size'] });
  expect(recordedMerge(profile, MAX_MERGE_IDS + 1, present).profile).toBeUndefined();
  const large = profileOf({ size: 'x'.repeat(256 * 1024) });
  expect(recordedMerge(large, 1, present)).toEqual({ profile: undefined, overruled: ['size'] });
});
