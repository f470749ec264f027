/**
 * Access, erasure and suppression (contract section 22): an erased person does not come back
 * through any channel.
 */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { derivedKey, ensureSigningKey } from '../src/access/signing-key.ts';
import { backUp } from '../src/cli/backup.ts';
import { keepSuppressed } from '../src/cli/restore-suppressions.ts';
import { SUPPRESSION_KEY, suppressionsOf } from '../src/privacy/privacy.ts';
import { suppressingProfiles } from '../src/privacy/suppressing-store.ts';
import { openStores } from '../src/server.ts';
import { ADMIN_TOKEN, CONFIG, type InProcess, type Json, openInProcess, SIGNING_KEY } from './in-process.ts';
import { describeOnBothEngines } from './on-both-engines.ts';
import { until } from './until.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATH = '/demo/target/privacy/requests';
const ECID = '38279142358174038279142358174038279142';

let quiver: InProcess;
let tntId: string;
const ask = (method: string, target: string, body?: unknown) =>
  quiver.ask(method, target, { headers, ...(body !== undefined && { body }) });

async function request(type: string, ...identities: object[]): Promise<Json> {
  const taken = await ask('POST', PATH, { type, identities });
  expect(taken.status).toBe(202);
  expect(taken.json).toMatchObject({ type, state: 'running' });
  let json: Json;
  await until('the request is complete', async () => {
    ({ json } = await ask('GET', `${PATH}/${taken.json.id}`));
    return json.state === 'complete';
  });
  return json;
}

const PERSON = { thirdPartyId: 'crm-1' };
const paths = () => [
  `/rest/v1/profiles/${tntId}?client=demo`,
  '/rest/v1/profiles/thirdPartyId/crm-1?client=demo',
  `/rest/v1/profiles/marketingCloudVisitorId/${ECID}?client=demo`,
];
const statuses = () => Promise.all(paths().map(async (path) => (await quiver.ask('GET', path)).status));
const GONE = [404, 404, 404];

/** The state of a batch once it is complete. */
async function batch(version: string, file: string): Promise<Json> {
  const sent = await ask('POST', `/demo/target/batches?version=${version}`, file);
  return completed(sent.json.batchId);
}

async function completed(id: string): Promise<Json> {
  let json: Json;
  await until('the batch is complete', async () => {
    ({ json } = await ask('GET', `/demo/target/batches/${id}`));
    return json.state === 'complete';
  });
  return json;
}

describeOnBothEngines('privacy requests', (openStores) => {
  beforeEach(async () => {
    quiver = await openInProcess({}, undefined, openStores);
    tntId = await quiver.visit({}, { country: 'france' });
    await quiver.visit({ tntId, thirdPartyId: 'crm-1', marketingCloudVisitorId: ECID }, { plan: 'gold' });
    await quiver.visit({ thirdPartyId: 'crm-2' }, { plan: 'silver' });
  });
  afterEach(() => quiver.close());

  test('access gives a file for each identity, and says which ones are unknown', async () => {
    const { results } = await request('access', PERSON, { tntId: 'nobody' });
    expect(results).toMatchObject([
      { kind: 'thirdPartyId', id: 'crm-1', found: true },
      { kind: 'tntId', id: 'nobody', found: false },
    ]);
    const file = await ask('GET', results[0].file);
    expect(file.json).toMatchObject({
      client: 'demo',
      ids: [
        { kind: 'tntId', id: tntId },
        { kind: 'thirdPartyId', id: 'crm-1' },
        { kind: 'marketingCloudVisitorId' },
      ],
      profileAttributes: { country: { value: 'france' }, plan: { value: 'gold' } },
    });
    const fetched = (await quiver.ask('GET', paths()[0]!)).json;
    expect(file.json.profileAttributes).toEqual(fetched.profileAttributes);
    expect((await ask('GET', results[0].file.replace(/1$/, '2'))).status).toBe(404);
    expect((await ask('GET', `${PATH}/nobody`)).status).toBe(404);
  });

  describe('an erased person', () => {
    let receipt: Json;
    beforeEach(async () => {
      receipt = await request('erase', PERSON);
    });

    test('is gone under every id, and the receipt names no id', async () => {
      expect(await statuses()).toEqual(GONE);
      expect((await quiver.ask('GET', '/rest/v1/profiles/thirdPartyId/crm-2?client=demo')).status).toBe(200);
      expect(receipt).toMatchObject({ state: 'complete', waitingFor: [], results: [{ found: true }] });
      expect(receipt.finishedAt).not.toBeNull();
      const text = JSON.stringify(receipt);
      for (const id of [tntId, 'crm-1', ECID]) expect(text).not.toContain(id);
    });

    test('does not come back by a visit, whichever id it has', async () => {
      const visit = (id: object) =>
        quiver.ask('POST', '/rest/v1/delivery?client=demo&sessionId=s', {
          body: {
            id,
            context: { channel: 'web' },
            execute: { mboxes: [{ index: 0, name: 'm', profileParameters: { plan: 'new' } }] },
          },
        });
      for (const id of [{ tntId }, PERSON, { marketingCloudVisitorId: ECID }]) {
        const { status, json } = await visit(id);
        expect([status, json.id]).toEqual([200, id]);
      }
      expect(await statuses()).toEqual(GONE);
      expect((await ask('GET', '/demo/target/profiles')).json.profiles).toHaveLength(1);
    });

    test('does not come back by a link from another device or another person', async () => {
      for (const id of [
        { tntId: 'other-device', ...PERSON },
        { tntId, thirdPartyId: 'crm-2' },
      ]) {
        await quiver.ask('POST', '/rest/v1/delivery?client=demo&sessionId=s', {
          body: { id, context: { channel: 'web' } },
        });
      }
      expect(await statuses()).toEqual(GONE);
      expect((await quiver.ask('GET', '/rest/v1/profiles/other-device?client=demo')).status).toBe(404);
    });

    test('does not come back by an update, which answers as if there were no profile', async () => {
      const answer = await quiver.ask('GET', `/m2/demo/profile/update?mboxPC=${tntId}&profile.a=1`);
      expect(answer.text).toContain('No profile found');
      expect((await ask('PATCH', '/demo/target/profiles?id=crm-1', { attributes: { a: '1' } })).status).toBe(
        404,
      );
      expect(await statuses()).toEqual(GONE);
    });

    test('does not come back by a row of a batch, which counts neither as success nor as failure', async () => {
      const rows = await batch('v2', 'batch=thirdPartyId,plan\ncrm-1,new\ncrm-3,new\ncrm-1,\n');
      expect(rows).toMatchObject({ consumed: 3, successful: 1, failed: 0, notFound: 0 });
      await batch('v2', `batch=pcId,plan\n${tntId}.28_20,new\n`);
      // A row that fails anyway must not add the id to the list of failures.
      const failed = await batch('v2', `batch=thirdPartyId,plan\ncrm-1,%zz\ncrm-3,%zz\n`);
      const { json } = await ask('GET', `/demo/target/batches/${failed.id}/failures`);
      expect(json.failures.map(({ id }: Json) => id)).toEqual(['crm-3']);
      expect(await statuses()).toEqual(GONE);
    });

    test('does not come back when edge clusters hand over the profile', async () => {
      const ids = [{ kind: 'thirdPartyId', value: 'crm-1', since: 1 } as const];
      const profile = { thirdPartyId: 'crm-1', modifiedAt: 1, expiresAt: 2e12, attributes: Buffer.alloc(0) };
      const suppressions = suppressionsOf(quiver.stores.records, derivedKey(SIGNING_KEY, SUPPRESSION_KEY));
      await suppressingProfiles(quiver.stores.profiles, suppressions).adopt(
        'demo',
        { ids, profile },
        Date.now(),
      );
      expect(await statuses()).toEqual(GONE);
    });

    test('comes back when the suppression is ended', async () => {
      await request('unsuppress', PERSON);
      await quiver.visit(PERSON, { plan: 'new' });
      expect(await statuses()).toEqual([404, 200, 404]);
    });
  });

  test('an erased person does not come back by an import', async () => {
    const exported = (await ask('GET', '/demo/target/profiles/export')).text;
    await request('erase', PERSON);
    const { json } = await ask('POST', '/demo/target/profiles/import', exported);
    expect(json).toEqual({ profiles: 2, imported: 1, expired: 0, suppressed: 1 });
    expect(await statuses()).toEqual(GONE);
  });

  test('failed rows, batch files and access requests lose the person', async () => {
    const failed = await batch('v2', `batch=pcId,plan\n${tntId},%zz\nother,%zz\nother,1\n`);
    const access = await request('access', PERSON);
    const file = `/demo/target/batches/${failed.id}/failures?format=file`;
    expect((await ask('GET', file)).text).toContain(tntId);
    await request('erase', { marketingCloudVisitorId: ECID });
    const { json } = await ask('GET', `/demo/target/batches/${failed.id}/failures`);
    expect(json.failures.map(({ id }: Json) => id)).toEqual(['other']);
    expect((await ask('GET', file)).text).not.toContain(tntId);
    const after = await ask('GET', `${PATH}/${access.id}`);
    // The request named another id of the person.
    expect(after.text).not.toContain('crm-1');
    expect((await ask('GET', access.results[0].file)).status).toBe(404);
  });

  test('a waiting batch is kept, and is applied without the person', async () => {
    const rows = Array.from({ length: 3000 }, (_, n) => `other-${n},1`).join('\n');
    const sent = await ask('POST', '/demo/target/batches', `batch=thirdPartyId,plan\n${rows}\ncrm-1,new\n`);
    await request('erase', PERSON);
    const { successful } = await completed(sent.json.batchId);
    expect(successful).toBeGreaterThanOrEqual(3000);
    expect(await statuses()).toEqual(GONE);
  });

  test('a suppressed person keeps their profile, which can be fetched and removed', async () => {
    await request('suppress', PERSON);
    const before = await quiver.attributes(paths()[0]!);
    await quiver.ask('POST', '/rest/v1/delivery?client=demo&sessionId=s', {
      body: {
        id: { tntId },
        context: { channel: 'web' },
        execute: { pageLoad: { profileParameters: { plan: 'new' } } },
      },
    });
    expect(await quiver.attributes(paths()[0]!)).toEqual(before);
    expect(await statuses()).toEqual([200, 200, 200]);
    expect((await quiver.ask('DELETE', paths()[0]!, { headers })).status).toBe(204);
  });

  test('a placeholder that a profile shares is not suppressed', async () => {
    await quiver.visit({ tntId: 'undefined', thirdPartyId: 'crm-9' }, { a: '1' });
    await request('erase', { thirdPartyId: 'crm-9' });
    expect(await quiver.visit({ tntId: 'undefined' }, { a: '1' })).toBe('undefined');
  });

  test.each([
    [{}, 'type: must be access or erase or suppress or unsuppress'],
    [{ type: 'erase' }, 'identities: must be a list of 1 to 100'],
    [{ type: 'erase', identities: [] }, 'identities: must be a list of 1 to 100'],
    [
      { type: 'erase', identities: [{ email: 'a' }] },
      'identities[0]: must have one member, tntId or thirdPartyId or customerId or marketingCloudVisitorId',
    ],
    [
      { type: 'erase', identities: [{ tntId: 'a', thirdPartyId: 'b' }] },
      'identities[0]: must have one member, tntId or thirdPartyId or customerId or marketingCloudVisitorId',
    ],
    [{ type: 'erase', identities: [{ tntId: '' }] }, 'identities[0].tntId: must have 1 to 128 characters'],
  ])('the request %j is refused', async (body, message) => {
    const { status, json } = await ask('POST', PATH, body);
    expect([status, json.errors[0].message]).toEqual([400, message]);
  });
});

test('a person erased after a backup is left out when it is restored, and stays suppressed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-restore-'));
  const config = { ...CONFIG, dataDir: join(folder, 'data') };
  const person = { kind: 'thirdPartyId', value: 'crm-1' } as const;
  const moment = { now: Date.now(), lifetimeDays: 14 };
  const opened = async (dataDir = config.dataDir) => {
    const stores = await openStores({ ...config, dataDir });
    const key = derivedKey(await ensureSigningKey(dataDir, config), SUPPRESSION_KEY);
    return { stores, suppressions: suppressionsOf(stores.records, key) };
  };
  await mkdir(config.dataDir);
  const before = await opened();
  for (const id of [person, { ...person, value: 'crm-2' }]) {
    await before.stores.profiles.update('demo', id, new Map([['a', '1']]), moment, true);
  }
  await backUp(config, join(folder, 'backup'));
  await before.suppressions.decide('demo', [person], true, moment.now);
  await before.stores.close();
  // What `quiver restore` does with the copy before it becomes the data folder.
  const restored = join(folder, 'backup');
  expect(await keepSuppressed(config, config.dataDir, restored)).toBe(1);
  const after = await opened(restored);
  expect(await after.stores.profiles.find('demo', person, moment.now)).toBeUndefined();
  expect(await after.stores.profiles.find('demo', { ...person, value: 'crm-2' }, moment.now)).toBeDefined();
  expect((await after.suppressions.of('demo'))?.(person)).toBe(true);
  await after.stores.close();
  await rm(folder, { recursive: true });
});
