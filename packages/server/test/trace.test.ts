/** The debug token, and the trace of a visit that it allows (contract sections 7 and 9). */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';

const TOKEN = '/demo/target/authentication/token?authorizationScope=debug_tools';
const SIX_HOURS = 6 * 3_600_000;

let quiver: InProcess;
let clock: number;
beforeEach(async () => {
  clock = Date.UTC(2026, 7, 18);
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const admin = (method: string, target: string) =>
  quiver.ask(method, target, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
const newToken = async (target = TOKEN): Promise<string> => (await admin('POST', target)).json.accessToken;

function visit(token: unknown, profileParameters: object, client = 'demo') {
  const body = {
    id: { tntId: 'seen' },
    trace: { authorizationToken: token },
    context: { channel: 'web' },
    execute: { pageLoad: { profileParameters }, mboxes: [{ index: 0, name: 'home' }] },
  };
  return quiver.ask('POST', `/rest/v1/delivery?sessionId=s1&client=${client}`, { body });
}

test('with the debug token, a trace shows the profile before and after', async () => {
  const token = await newToken();
  const first = (await visit(token, { a: '1' })).json;
  expect(first.trace).toEqual({
    clientCode: 'demo',
    profile: {
      before: null,
      after: {
        modifiedAt: clock,
        profileAttributes: {
          a: { value: '1', modifiedAt: '2026-08-18T00:00:00.000+00:00' },
          firstSessionStart: { value: String(clock), modifiedAt: '2026-08-18T00:00:00.000+00:00' },
        },
      },
    },
  });
  // SDKs drop unknown members of the reply itself.
  expect(first.execute).toEqual({
    pageLoad: { trace: first.trace },
    mboxes: [{ index: 0, name: 'home', options: [], trace: first.trace }],
  });
  const second = (await visit(token, { a: '2' })).json.trace.profile;
  expect(second.before).toEqual(first.trace.profile.after);
  expect(second.after.profileAttributes.a.value).toBe('2');
});

test('a trace of a batch mbox call is in a header', async () => {
  const token = await newToken();
  const ask = (authorization: string) =>
    quiver.ask('POST', '/rest/v2/batchmbox?sessionId=s1', {
      headers: { authorization },
      body: { trace: { enabled: true }, mboxes: [{ mbox: 'home' }], profileParameters: { a: '1' } },
    });
  for (const sent of [token, `Bearer ${token}`]) {
    expect((await ask(sent)).json.trace.profile.after.profileAttributes.a.value).toBe('1');
  }
  const refused = await ask('another');
  expect([refused.status, refused.json.message]).toEqual([
    403,
    'Authorization: must be the present debug token of the client',
  ]);
});

describe('without a current debug token', () => {
  test.each<[string, () => Promise<string>]>([
    ['none at all', async () => 'none'],
    ['a profile token', () => newToken('/demo/target/authentication/token?authorizationScope=profile_api')],
    ["another client's", () => newToken(TOKEN.replace('demo', 'acme'))],
    [
      'one that has ended',
      async () => {
        const token = await newToken();
        await newToken();
        return token;
      },
    ],
    [
      'one that was ended',
      async () => {
        const token = await newToken();
        expect((await admin('DELETE', TOKEN)).status).toBe(204);
        return token;
      },
    ],
    [
      'one of six hours ago',
      async () => {
        const token = await newToken();
        clock += SIX_HOURS;
        return token;
      },
    ],
  ])('the reply is 403 and nothing is stored, with %s', async (_, tokenOf) => {
    const token = await tokenOf();
    quiver.changes.length = 0;
    const { status, json } = await visit(token, { a: '1' });
    expect([status, json]).toEqual([
      403,
      { status: 403, message: 'trace.authorizationToken: must be the present debug token of the client' },
    ]);
    expect(quiver.changes).toEqual([]);
  });

  test('a visit that asks for no trace gets none', async () => {
    await newToken();
    for (const token of [undefined, null]) {
      expect((await visit(token, { a: '1' })).json).not.toHaveProperty('trace');
    }
  });
});

test('the debug token is valid for six hours, and gives access to nothing else', async () => {
  const made = (await admin('POST', TOKEN)).json as Json;
  expect(made).toMatchObject({ scope: 'debug_tools', expiresIn: SIX_HOURS / 1000 });
  expect((await admin('GET', TOKEN)).json.accessToken).toBe(made.accessToken);
  const headers = { authorization: `Bearer ${made.accessToken}` };
  await quiver.ask('PATCH', '/demo/target/clients/settings', {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: { enableProfileApiAuthentication: true },
  });
  expect((await quiver.ask('GET', '/rest/v1/profiles/seen', { headers })).status).toBe(403);
  expect((await quiver.ask('GET', '/demo/target/clients/settings', { headers })).status).toBe(401);
  clock += SIX_HOURS;
  expect((await admin('GET', TOKEN)).status).toBe(404);
});
