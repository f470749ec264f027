/** The merge trail, and undoing a merge (contract section 20). */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';
import { until } from './until.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATH = '/demo/target/merges';

let quiver: InProcess;
beforeEach(async () => {
  quiver = await openInProcess();
});
afterEach(() => quiver.close());

const ask = (method: string, target: string, body?: unknown) =>
  quiver.ask(method, target, { headers, ...(body !== undefined && { body }) });
const merges = async (query: string): Promise<Json[]> => {
  const answer = await ask('GET', `${PATH}?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json.merges;
};
const valuesOf = async (path: string): Promise<Record<string, string> | number> => {
  const { status, json } = await ask('GET', `/rest/v1/profiles/${path}?client=demo`);
  if (status !== 200) return status;
  const all = Object.entries(json.profileAttributes as Record<string, { value: string }>);
  return Object.fromEntries(
    all.flatMap(([name, { value }]) => (name === 'firstSessionStart' ? [] : [[name, value]])),
  );
};
const feed = async () => (await ask('GET', '/demo/target/changes?limit=1000')).json.changes as Json[];

/** A device with attributes is linked to a person. */
async function merge(): Promise<string> {
  await quiver.visit({ tntId: 'device' }, { country: 'france', size: 'L', color: 'red' });
  await quiver.visit({ thirdPartyId: 'p', tntId: 'other' }, { country: 'spain' });
  await quiver.visit({ thirdPartyId: 'p', tntId: 'device' });
  return (await merges('thirdPartyId=p'))[0].id;
}

test('a merge is recorded with what was added and what was replaced, and found by every id', async () => {
  const id = await merge();
  for (const query of ['thirdPartyId=p', 'tntId=device', 'tntId=other']) {
    const [record, ...more] = await merges(query);
    expect(more).toEqual([]);
    expect(record).toMatchObject({
      id,
      into: { kind: 'thirdPartyId', id: 'p' },
      from: [{ kind: 'tntId', id: 'device' }],
      overruled: ['country', 'firstSessionStart'],
    });
    expect(record.attributes.map(({ name, value }: Json) => [name, value])).toEqual(
      expect.arrayContaining([
        ['country', 'france'],
        ['size', 'L'],
        ['color', 'red'],
      ]),
    );
    expect(record).not.toHaveProperty('undoneAt');
  }
  expect(await merges('tntId=nobody')).toEqual([]);
});

test('undoing a merge restores ids and attributes, keeps later changes, and a preview changes nothing', async () => {
  const id = await merge();
  await quiver.ask('GET', '/m2/demo/profile/update?mbox3rdPartyId=p&profile.color=blue');
  const before = [await valuesOf('device'), await valuesOf('thirdPartyId/p'), (await feed()).length];
  const preview = await ask('POST', `${PATH}/${id}/unmerge?preview=true`);
  expect(preview.json).toMatchObject({ preview: true, removed: ['size'] });
  expect([await valuesOf('device'), await valuesOf('thirdPartyId/p'), (await feed()).length]).toEqual(before);

  const done = await ask('POST', `${PATH}/${id}/unmerge`);
  expect(done.status, done.text).toBe(200);
  expect(done.json).toEqual({ ...preview.json, preview: false });
  expect(done.json).toMatchObject({ into: { id: 'p' }, ids: [{ kind: 'tntId', id: 'device' }] });
  expect(await valuesOf('device')).toEqual({ country: 'france', size: 'L', color: 'red' });
  expect(await valuesOf('thirdPartyId/p')).toEqual({ country: 'spain', color: 'blue' });
  expect(await valuesOf('other')).toEqual({ country: 'spain', color: 'blue' });
  const told = (await feed()).slice(before[2] as number);
  expect(told.map(({ type, channel, profile }) => [type, channel, profile.id])).toEqual([
    ['moved', 'console', 'p'],
    ['updated', 'console', 'p'],
    ['created', 'console', 'device'],
  ]);
  expect(await merges('tntId=device')).toMatchObject([{ id, undoneAt: expect.any(String) }]);

  await quiver.ask('GET', '/m2/demo/profile/update?mboxPC=device&profile.size=S');
  expect(await valuesOf('device')).toMatchObject({ size: 'S' });
  expect(await valuesOf('thirdPartyId/p')).toEqual({ country: 'spain', color: 'blue' });
  const again = await ask('POST', `${PATH}/${id}/unmerge`);
  expect(again.status).toBe(409);
  expect(again.text).toContain('undone already');
});

test('undoing a merge restores all ids of a profile that had several and a person of its own', async () => {
  const ecid = '38279142358174038279142358174038279142';
  await quiver.visit({ marketingCloudVisitorId: ecid, tntId: 'a' }, { plan: 'gold' });
  await quiver.visit({ thirdPartyId: 'q', tntId: 'b' }, { tier: '1' });
  await quiver.visit({ thirdPartyId: 'q', marketingCloudVisitorId: ecid });
  const [{ id }] = await merges(`ecid=${ecid}`);
  expect((await ask('POST', `${PATH}/${id}/unmerge`)).status).toBe(200);
  for (const path of ['a', `marketingCloudVisitorId/${ecid}`]) {
    expect(await valuesOf(path)).toEqual({ plan: 'gold' });
  }
  for (const path of ['b', 'thirdPartyId/q']) expect(await valuesOf(path)).toEqual({ tier: '1' });
  const view = await ask('GET', '/demo/target/profiles?id=a&kind=tntId');
  expect(view.json.ids.map((one: Json) => one.id).sort()).toEqual([ecid, 'a']);
  // The two may be merged again.
  await quiver.visit({ thirdPartyId: 'q', tntId: 'a' });
  expect(await merges('thirdPartyId=q')).toHaveLength(2);
  expect(await valuesOf('a')).toEqual({ plan: 'gold', tier: '1' });
});

test('a merge that cannot be undone is a 409 that says why, and nothing changes', async () => {
  const id = await merge();
  // Another person takes over the device.
  await quiver.visit({ thirdPartyId: 'someone', tntId: 'device' }, { country: 'italy' });
  const before = (await feed()).length;
  const moved = await ask('POST', `${PATH}/${id}/unmerge`);
  expect(moved.status).toBe(409);
  expect(moved.text).toContain('names another profile by now');
  expect((await feed()).length).toBe(before);
  expect(await valuesOf('device')).toEqual({ country: 'italy' });
  expect((await ask('POST', `${PATH}/nothing/unmerge`)).status).toBe(404);
  expect((await ask('POST', `${PATH}/${id}/unmerge?preview=maybe`)).status).toBe(400);
  expect((await ask('POST', `/acme/target/merges/${id}/unmerge`)).status).toBe(404);
  expect((await ask('GET', PATH)).status).toBe(400);
  expect((await ask('GET', `${PATH}?tntId=a&thirdPartyId=b`)).status).toBe(400);
});

test('a record is removed with its profile, and when the person is erased', async () => {
  await merge();
  await ask('DELETE', '/demo/target/profiles?id=p&kind=thirdPartyId');
  expect(await merges('tntId=device')).toEqual([]);

  const id = await merge();
  await quiver.visit({ thirdPartyId: 'someone', tntId: 'device' });
  expect(await merges('tntId=device')).toHaveLength(1);
  const taken = await ask('POST', '/demo/target/privacy/requests', {
    type: 'erase',
    identities: [{ tntId: 'device' }],
  });
  await until('the request is complete', async () => {
    const { json } = await ask('GET', `/demo/target/privacy/requests/${taken.json.id}`);
    return json.state === 'complete';
  });
  expect(await merges('thirdPartyId=p')).toEqual([]);
  expect((await ask('POST', `${PATH}/${id}/unmerge`)).status).toBe(404);
});
