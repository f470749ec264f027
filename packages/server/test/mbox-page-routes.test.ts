/** The older mbox calls under `/m2/` and the batch mbox call (contract section 7). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchOf, type InProcess, openInProcess } from './in-process.ts';

let quiver: InProcess;
beforeAll(async () => {
  quiver = await openInProcess({ locationHint: 'cluster', cluster: 28 });
});
afterAll(() => quiver.close());

const PATHS = ['rest/standard', 'ubox/raw', 'ubox/image', 'ubox/page', 'mbox/json'];
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

describe.each(PATHS)('/m2/demo/%s', (path) => {
  const id = path.replace('/', '-');
  const target = `/m2/demo/${path}`;

  test('records a visit by GET and by POST with every kind of id, and finds it again', async () => {
    const ids = `mboxPC=${id}.28_20&mbox3rdPartyId=person-${id}&mboxMCGVID=ecid-${id}`;
    const got = await quiver.ask(
      'GET',
      `${target}?mbox=home&mboxSession=s1&${ids}&profile.country=france&profile.off=20%&mboxURL=http://x/?q=100%&profile.none=&profile.user.x=`,
    );
    expect(got.status, got.text).toBe(200);
    const posted = await quiver.ask('POST', `${target}?mbox=home&profile.country=spain&profile.plan=gold`, {
      headers: FORM,
      body: `mbox3rdPartyId=person-${id}&profile.plan=silver`,
    });
    expect(posted.status, posted.text).toBe(200);
    for (const named of [id, `thirdPartyId/person-${id}`, `marketingCloudVisitorId/ecid-${id}`]) {
      expect(await quiver.attributes(named)).toEqual([
        ['off', '20%'],
        ['country', 'spain'],
        ['plan', 'silver'],
      ]);
    }
  });

  test.each([
    ['', 'mbox: must be given'],
    ['mbox=', 'mbox: must be given'],
    ['mbox=home&mboxPC=a.b.c', 'mboxPC: must contain at most one dot'],
    ['mbox=home&mbox3rdPartyId=a/b', 'mbox3rdPartyId: must not contain + or /'],
    [
      'mbox=home&mboxSession=a%20b',
      'mboxSession: must have 1 to 128 printable characters, without space, ?, /, { or }',
    ],
    [
      'mbox=home&profile.user.x=1',
      'profile.user.x: the name after "profile." must not start with "user.", which belongs to profile scripts',
    ],
    ['mbox=home&mboxPC=%', 'mboxPC: must be percent-encoded UTF-8'],
  ])('refuses %s and stores nothing', async (query, message) => {
    quiver.changes.length = 0;
    const refused = await quiver.ask('GET', `${target}?${query}`);
    const shown = path === 'mbox/json' ? JSON.stringify({ status: 400, message }) : `${message}\n`;
    expect([refused.status, refused.text]).toEqual([400, shown]);
    expect(quiver.changes).toEqual([]);
  });

  test('never redirects', async () => {
    const answer = await quiver.ask('GET', `${target}?mbox=home&mboxDefault=https%3A%2F%2Fevil.example`);
    expect([answer.status, answer.headers.get('location')]).toEqual([200, null]);
    expect(answer.text).not.toContain('evil');
  });
});

test.each([
  ['rest/standard', 'text/html;charset=UTF-8', ''],
  ['ubox/raw', 'text/html;charset=UTF-8', ''],
  ['ubox/page', 'text/html;charset=UTF-8', '<!doctype html><title></title>'],
])('%s answers with %s', async (path, type, text) => {
  const answer = await quiver.ask('GET', `/m2/demo/${path}?mbox=home`);
  expect([answer.headers.get('content-type'), answer.text]).toEqual([type, text]);
});

test('ubox/image answers with a GIF of one pixel', async () => {
  const request = new Request('http://in-process/m2/demo/ubox/image?mbox=home', {
    headers: { host: 'localhost' },
  });
  const answer = await fetchOf(quiver.app, request);
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(answer.headers.get('content-type')).toBe('image/gif');
  expect(bytes.subarray(0, 6).toString()).toBe('GIF89a');
  expect([bytes.readUInt16LE(6), bytes.readUInt16LE(8)]).toEqual([1, 1]);
});

test('mbox/json gives a visitor without ids a tntId with its hint, and a session', async () => {
  const { json } = await quiver.ask('GET', '/m2/demo/mbox/json?mbox=home&mboxPC=&mboxSession=');
  expect(json).toEqual({
    sessionId: expect.stringMatching(/^[0-9a-f]{32}$/),
    tntId: expect.stringMatching(/^[0-9a-f]{32}\.28$/),
    offers: [],
  });
});

describe('a batch mbox request', () => {
  const TARGET = '/rest/v2/batchmbox?client=demo&sessionId=s1';

  test('stores the parameters of the request, then those of its mboxes', async () => {
    const { json } = await quiver.ask('POST', TARGET, {
      body: {
        requestId: 'r1',
        id: { tntId: 'batch.28_20', thirdPartyId: 'batch-person' },
        profileParameters: { a: '1', b: 1 },
        mboxes: [
          { mbox: 'home', indexId: 3, parameters: { no: '1' } },
          { mbox: 'cart', profileParameters: { a: '2' } },
        ],
      },
    });
    expect(json).toEqual({
      requestId: 'r1',
      client: 'demo',
      id: { tntId: 'batch.28', thirdPartyId: 'batch-person' },
      mboxResponses: [
        { mbox: 'home', indexId: 3, content: '' },
        { mbox: 'cart', content: '' },
      ],
    });
    expect(await quiver.attributes('thirdPartyId/batch-person')).toEqual([
      ['b', '1'],
      ['a', '2'],
    ]);
  });

  test.each([
    [{}, 'mboxes: must be given'],
    [{ mboxes: [] }, 'mboxes: must not be empty'],
    [{ mboxes: [{ mbox: '' }] }, 'mboxes[0].mbox: must not be empty'],
    [{ mboxes: [{ mbox: 'a', profileParameters: [] }] }, 'mboxes[0].profileParameters: must be an object'],
    [{ mboxes: [{ mbox: 'a' }], id: { tntId: '' } }, 'id.tntId: must have 1 to 128 characters'],
  ])('is refused: %j', async (body, message) => {
    quiver.changes.length = 0;
    const { status, json } = await quiver.ask('POST', TARGET, { body });
    expect([status, json.message]).toEqual([400, message]);
    expect(quiver.changes).toEqual([]);
  });
});
