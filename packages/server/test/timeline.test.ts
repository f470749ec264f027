/** The changes of one profile, newest first (contract section 18), on both engines. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProfileTimeline } from '../src/changes/profile-timeline.ts';
import { type SentId, visitorIdOf } from '../src/domain/visitor-id.ts';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';
import { describeOnBothEngines } from './on-both-engines.ts';
import { until } from './until.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATH = '/demo/target/profiles/changes';

let quiver: InProcess;
const ask = (method: string, target: string, body?: unknown) =>
  quiver.ask(method, target, { headers, ...(body !== undefined && { body }) });
const settle = async () => {
  while (await quiver.stores.changes.upkeep(Date.now()));
};
/** A visit whose changes are in the feed when it returns, so that a cluster has them in order. */
async function visit(id: object, attributes: Record<string, string> = {}): Promise<void> {
  await quiver.visit(id, attributes);
  await settle();
}
async function timeline(query: string): Promise<Json> {
  const { status, json, text } = await ask('GET', `${PATH}?${query}`);
  expect(status, text).toBe(200);
  return json;
}
const inShort = (changes: Json[]): string[] =>
  changes.map(({ type, channel, profile, attributes = [], ids, from }) => {
    const names = attributes.filter((name: string) => name !== 'firstSessionStart').join();
    const others = (ids ?? from ?? []).map(({ id }: Json) => ` + ${id}`).join('');
    return `${type} ${profile.id} ${channel}${names && ` ${names}`}${others}`;
  });

/** The device of a first person, who merges a profile, goes to a second person. */
async function shareDevice(): Promise<void> {
  await visit({ tntId: 'device' }, { country: 'france' });
  await visit({ tntId: 'stranger' }, { country: 'spain' });
  await visit({ thirdPartyId: 'first', tntId: 'device' });
  await visit({ tntId: 'extra', marketingCloudVisitorId: 'ecid1' }, { size: 'L' });
  await visit({ thirdPartyId: 'first', marketingCloudVisitorId: 'ecid1' });
  await visit({ thirdPartyId: 'second', tntId: 'device' }, { plan: 'gold' });
  const change = await ask('PATCH', '/demo/target/profiles?id=first', { attributes: { plan: 'silver' } });
  expect(change.status).toBe(204);
  await settle();
}

const OF_FIRST = [
  'updated first console plan',
  expect.stringMatching(/^moved (first|ecid1|extra) visit \+ device$/),
  'updated first visit',
  expect.stringMatching(/^merged first visit \+ (ecid1 \+ extra|extra \+ ecid1)$/),
  'linked ecid1 visit + extra',
  'created ecid1 visit size',
  'updated first visit',
  'linked device visit + first',
  'created device visit country',
];

describeOnBothEngines('the timeline of a profile', (openStores) => {
  beforeEach(async () => {
    quiver = await openInProcess({}, undefined, openStores);
  });
  afterEach(() => quiver.close());

  test('lists what happened to a profile and to those merged into it, and nothing of another person', async () => {
    await shareDevice();
    for (const query of ['thirdPartyId=first', 'ecid=ecid1', 'marketingCloudVisitorId=ecid1']) {
      const { changes, ...rest } = await timeline(query);
      expect(inShort(changes)).toEqual(OF_FIRST);
      expect(rest).toEqual({ end: 'oldest', readTo: expect.stringMatching(/Z$/) });
    }
    for (const query of ['thirdPartyId=second', 'tntId=device', 'tntId=device.35_0']) {
      expect(inShort((await timeline(query)).changes).filter((one) => !one.startsWith('moved'))).toEqual([
        'linked second visit + device',
        'created second visit plan',
      ]);
    }
    expect(inShort((await timeline('tntId=stranger')).changes)).toEqual(['created stranger visit country']);
    expect(await timeline('tntId=nobody')).toMatchObject({ changes: [], end: 'oldest' });
  });

  test('continues where a page ended, with the ids that the profile had then', async () => {
    await shareDevice();
    const { changes: all } = await timeline('thirdPartyId=first');
    for (const limit of [1, 2, 3]) {
      const changes: Json[] = [];
      for (let before = ''; ; ) {
        const page = await timeline(`thirdPartyId=first&limit=${limit}&before=${before}`);
        expect(page.changes.length).toBeLessThanOrEqual(limit);
        changes.push(...page.changes);
        expect(page.end).toBe(page.next === undefined ? 'oldest' : 'limit');
        if (page.next === undefined) break;
        before = page.next;
      }
      expect(changes).toEqual(all);
    }
    const later = await timeline(`thirdPartyId=first&before=${all[3].cursor}`);
    expect(later.changes[0]).toEqual(all[4]);
  });

  test('stops when it has read so much of the feed, says so, and continues from there', async () => {
    await visit({ tntId: 'quiet' }, { x: '1' });
    for (let n = 0; n < 3000; n += 500)
      await Promise.all(Array.from({ length: 500 }, (_, k) => quiver.visit({ tntId: `v${n + k}` })));
    await settle();
    const { changes: feed, profiles } = quiver.stores;
    const findLinked = (client: string, id: SentId, limit: number) =>
      profiles.findLinked(client, visitorIdOf(id), Date.now(), limit);
    const some = new ProfileTimeline({ feed, profiles: { findLinked } }, 1000);
    const quiet = { kind: 'tntId', text: 'quiet' } as const;
    const first = await some.page('demo', quiet, undefined, 10);
    expect(first).toMatchObject({ changes: [], end: 'bound', next: expect.any(String) });
    expect(first.readTo).toBeLessThanOrEqual(Date.now());
    let page = first;
    while (page.next !== undefined) {
      expect(page.changes).toEqual([]);
      page = await some.page('demo', quiet, page.next, 10);
    }
    expect(page).toMatchObject({ changes: [{ type: 'created', id: { value: 'quiet' } }], end: 'oldest' });
    const whole = new ProfileTimeline({ feed, profiles: { findLinked } }, 1_000_000);
    expect((await whole.page('demo', quiet, undefined, 10)).changes).toEqual(page.changes);
  });

  test('shows nothing of an erased person, under no id, and loses nothing of others', async () => {
    await shareDevice();
    const before = await timeline('thirdPartyId=second');
    const sent = await ask('POST', '/demo/target/privacy/requests', {
      type: 'erase',
      identities: [{ thirdPartyId: 'first' }],
    });
    await until('the request is complete', async () => {
      const { json } = await ask('GET', `/demo/target/privacy/requests/${sent.json.id}`);
      return json.state === 'complete';
    });
    await settle();
    for (const query of ['thirdPartyId=first', 'ecid=ecid1'])
      expect((await timeline(query)).changes).toEqual([]);
    const after = await timeline('thirdPartyId=second');
    expect(JSON.stringify(after)).not.toMatch(/first"|ecid1|extra/);
    const isOther = ({ type }: Json) => type !== 'moved';
    expect(after.changes.filter(isOther)).toEqual(before.changes.filter(isOther));
    expect((await timeline('tntId=stranger')).changes).toHaveLength(1);
  });

  test('refuses what is not one id or not a cursor', async () => {
    await visit({ tntId: 'a' });
    const refused = async (query: string) => {
      const { status, json } = await ask('GET', `${PATH}?${query}`);
      return [status, json.errors[0].message];
    };
    const { cursor } = (await timeline('tntId=a')).changes[0];
    const other = cursor.replace(/^[0-9a-f]+/, (id: string) => 'f'.repeat(id.length));
    const ids = 'tntId or thirdPartyId or customerId or marketingCloudVisitorId or ecid';
    expect(await refused('')).toEqual([400, `one id must be given: ${ids}`]);
    expect(await refused('tntId=a&ecid=b')).toEqual([400, `one id must be given: ${ids}`]);
    expect(await refused(`tntId=${'x'.repeat(129)}`)).toEqual([400, 'tntId: must have 1 to 128 characters']);
    expect(await refused('tntId=a&limit=0')).toEqual([400, 'limit: must be a whole number from 1 to 1000']);
    const bad = ['x', '-1', 'now', `${cursor}.`, `${cursor}.W10`, `${cursor}.W1tbInRudElkIiwxXV0sW10sW11d`];
    for (const before of bad) {
      expect(await refused(`tntId=a&before=${before}`), before).toEqual([
        ...[400, 'before: must be a cursor of this feed'],
      ]);
    }
    expect((await refused(`tntId=a&before=${other}`))[0]).toBe(410);
  });
});

test('a server without a feed has no timelines', async () => {
  quiver = await openInProcess({ changes: 'off' });
  const { status, json } = await ask('GET', `${PATH}?tntId=a`);
  expect([status, json.errors[0].message]).toEqual([404, 'This server keeps no change feed (--changes)']);
  await quiver.close();
});
