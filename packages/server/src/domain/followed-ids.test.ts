import { expect, test } from 'vitest';
import type { Change, ChangeType } from './change.ts';
import { FollowedIds } from './followed-ids.ts';
import type { VisitorId } from './visitor-id.ts';

const tnt = (value: string): VisitorId => ({ kind: 'tntId', value });
const change = (type: ChangeType, id: string, ...ids: string[]): Change => ({
  ...{ type, channel: 'visit', at: 0, attributes: [] },
  ...{ id: tnt(id), ids: ids.map(tnt) },
});

/** Changes in the order in which they were made, each with whether it is of the profile. */
type History = readonly (readonly [Change, boolean])[];

const HISTORIES: readonly (readonly [string, readonly string[], History])[] = [
  [
    'follows a merge into the other profile',
    ['p'],
    [
      [change('created', 'd'), true],
      [change('created', 'x'), false],
      [change('created', 'p'), true],
      [change('merged', 'p', 'd'), true],
      [change('updated', 'p'), true],
    ],
  ],
  [
    'leaves out what an id did before it joined',
    ['q', 'd'],
    [
      [change('created', 'p'), false],
      [change('linked', 'p', 'd'), false],
      [change('updated', 'd'), false],
      [change('created', 'q'), true],
      [change('linked', 'q', 'd'), true],
      [change('moved', 'p', 'd'), true],
      [change('updated', 'd'), true],
    ],
  ],
  [
    'keeps what an id did before it left',
    ['p'],
    [
      [change('created', 'p'), true],
      [change('linked', 'p', 'd'), true],
      [change('updated', 'd'), true],
      [change('linked', 'q', 'd'), false],
      [change('moved', 'p', 'd'), true],
      [change('updated', 'd'), false],
    ],
  ],
  [
    'tells apart the times of two persons on one device',
    ['p', 'd'],
    [
      [change('created', 'p'), true],
      [change('linked', 'p', 'd'), true],
      [change('updated', 'd'), true],
      [change('created', 'q'), false],
      [change('linked', 'q', 'd'), false],
      [change('moved', 'p', 'd'), true],
      [change('updated', 'd'), false],
      [change('updated', 'q'), false],
      [change('linked', 'p', 'd'), true],
      [change('moved', 'q', 'd'), true],
      [change('updated', 'd'), true],
    ],
  ],
  [
    'finds a profile that was removed by an id that had joined it',
    ['d'],
    [
      [change('created', 'p'), true],
      [change('linked', 'p', 'd'), true],
      [change('updated', 'd'), true],
    ],
  ],
  [
    'follows a profile whose merge was undone, before and during the merge',
    ['d', 'e'],
    [
      [change('created', 'd'), true],
      [change('linked', 'd', 'e'), true],
      [change('created', 'p'), true],
      [change('merged', 'p', 'd', 'e'), true],
      [change('moved', 'p', 'd', 'e'), true],
      [change('updated', 'p'), false],
      [change('created', 'd'), true],
      [change('linked', 'd', 'e'), true],
    ],
  ],
];

test.each(HISTORIES)('%s', (_, ids, history) => {
  const backwards = [...history].reverse();
  const followed = new FollowedIds(ids.map(tnt));
  const taken = backwards.filter(([one]) => followed.takes(one));
  expect(taken.map(([one]) => one)).toEqual(backwards.flatMap(([one, isOwn]) => (isOwn ? [one] : [])));
  // Going on in another call, after any change, finds the same.
  for (let split = 0; split <= backwards.length; split += 1) {
    const first = new FollowedIds(ids.map(tnt));
    for (const [one] of backwards.slice(0, split)) first.takes(one);
    const second = new FollowedIds(ids.map(tnt), first.difference);
    const rest = backwards.slice(split);
    expect(rest.filter(([one]) => second.takes(one))).toEqual(rest.filter(([, isOwn]) => isOwn));
  }
});
