/**
 * The result of every route for every kind of caller, in one table. A route without a row fails.
 *
 * `in` means that the guard let the request through, whatever the handler answered.
 */

import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { derivedKey } from '../src/access/signing-key.ts';
import { ADMIN_TOKEN, type Answer, fetchOf, type InProcess, openInProcess } from './in-process.ts';

let quiver: InProcess;
const askers: Record<string, () => Record<string, string>> = {};

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const TOKEN_PATH = (client: string) =>
  `/${client}/target/authentication/token?authorizationScope=profile_api`;

async function newToken(client: string, query = ''): Promise<string> {
  const answer = await quiver.ask('POST', TOKEN_PATH(client) + query, { headers: bearer(ADMIN_TOKEN) });
  expect(answer.status).toBe(201);
  return answer.json.accessToken;
}

async function requireTokens(client: string, required: boolean): Promise<void> {
  const answer = await quiver.ask('PATCH', `/${client}/target/clients/settings`, {
    headers: bearer(ADMIN_TOKEN),
    body: { enableProfileApiAuthentication: required },
  });
  expect(answer.status).toBe(200);
}

let clock = Date.UTC(2026, 7, 18);
beforeAll(async () => {
  quiver = await openInProcess({}, () => clock);
  const expired = await newToken('demo', '&expiresIn=1');
  clock += 2000;
  const ended = await newToken('demo');
  const right = await newToken('demo');
  const foreign = await newToken('acme');
  const { jti = '' } = JSON.parse(Buffer.from(right.split('.')[1]!, 'base64url').toString());
  const forged = await new SignJWT({ client: 'demo', scope: 'profile_api' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setJti(jti)
    .setIssuedAt(clock / 1000)
    .setExpirationTime(clock / 1000 + 1000)
    .sign(derivedKey('another key', 'profile token'));
  const signIn = await quiver.ask('POST', '/console/session', { body: { token: ADMIN_TOKEN } });
  const cookie = signIn.headers.get('set-cookie')!.split(';')[0]!;
  Object.assign(askers, {
    nobody: () => ({}),
    'a foreign token': () => bearer(foreign),
    'an expired token': () => bearer(expired),
    'a cut token': () => bearer(right.slice(0, -1)),
    'a forged token': () => bearer(forged),
    'an unsigned token': () =>
      bearer(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${right.split('.')[1]}.`),
    'an ended token': () => bearer(ended),
    'the token': () => bearer(right),
    'the token in access_token': () => ({ access_token: right }),
    admin: () => bearer(ADMIN_TOKEN),
    'a session': () => ({ cookie }),
    'a session with its CSRF token': () => ({ cookie, 'x-quiver-csrf': signIn.json.csrfToken }),
    'a session from another page': () => ({
      cookie,
      'x-quiver-csrf': signIn.json.csrfToken,
      origin: 'https://elsewhere.example',
    }),
    'a forged session': () => ({
      cookie: `${cookie.slice(0, -2)}xx`,
      'x-quiver-csrf': signIn.json.csrfToken,
    }),
  });
});
afterAll(() => quiver.close());

const NAMES = [
  'nobody',
  'a foreign token',
  'an expired token',
  'a cut token',
  'a forged token',
  'an unsigned token',
  'an ended token',
  'the token',
  'the token in access_token',
  'admin',
  'a session',
  'a session with its CSRF token',
  'a session from another page',
  'a forged session',
];

/**
 * The result for each caller, in the order of {@link NAMES}; only for a session do reading and
 * changing differ.
 */
const ROWS: Record<string, readonly (number | 'in')[]> = {
  // The columns: nobody, foreign, expired, cut, forged, unsigned, ended, token, access_, admin,
  // session, csrf, other, forged.
  open: [/*     */ 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in'],
  'profileApi off': ['in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in', 'in'],
  // Writes also depend on the page that sent them.
  'profileApi off, writing': [
    'in',
    'in',
    'in',
    'in',
    'in',
    'in',
    'in',
    'in',
    'in',
    'in',
    'in',
    'in',
    403,
    'in',
  ],
  'profileApi on': [403, 403, 403, 403, 403, 403, 403, 'in', 'in', 403, 403, 403, 403, 403],
  adminOrProfileToken: [403, 403, 403, 403, 403, 403, 403, 'in', 'in', 'in', 403, 'in', 403, 403],
  'admin GET': [401, 401, 401, 401, 401, 401, 401, 401, 401, 'in', 'in', 'in', 'in', 401],
  'admin other': [401, 401, 401, 401, 401, 401, 401, 401, 401, 'in', 403, 'in', 403, 401],
};

/** The row of each route. */
const ROUTES: Record<string, 'open' | 'profileApi' | 'adminOrProfileToken' | 'admin'> = {
  'POST /rest/v1/delivery': 'open',
  'POST /rest/v1/mbox/{sessionId}': 'open',
  'POST /rest/v2/batchmbox': 'open',
  'GET /m2/{client}/rest/standard': 'open',
  'POST /m2/{client}/rest/standard': 'open',
  'GET /m2/{client}/ubox/raw': 'open',
  'POST /m2/{client}/ubox/raw': 'open',
  'GET /m2/{client}/ubox/image': 'open',
  'POST /m2/{client}/ubox/image': 'open',
  'GET /m2/{client}/ubox/page': 'open',
  'POST /m2/{client}/ubox/page': 'open',
  'GET /m2/{client}/mbox/json': 'open',
  'POST /m2/{client}/mbox/json': 'open',
  'GET /optout': 'open',
  'GET /rest/v1/profiles/{tntId}': 'profileApi',
  'GET /rest/v1/profiles/thirdPartyId/{thirdPartyId}': 'profileApi',
  'GET /rest/v1/profiles/marketingCloudVisitorId/{marketingCloudVisitorId}': 'profileApi',
  'GET /m2/{client}/profile/update': 'profileApi',
  'POST /m2/{client}/profile/update': 'profileApi',
  'DELETE /rest/v1/profiles/{tntId}': 'adminOrProfileToken',
  'DELETE /rest/v1/profiles/{tntId}/attributes/{name}': 'adminOrProfileToken',
  'DELETE /rest/v1/profiles/thirdPartyId/{thirdPartyId}': 'adminOrProfileToken',
  'DELETE /rest/v1/profiles/thirdPartyId/{thirdPartyId}/attributes/{name}': 'adminOrProfileToken',
  'DELETE /rest/v1/profiles/marketingCloudVisitorId/{marketingCloudVisitorId}': 'adminOrProfileToken',
  'DELETE /rest/v1/profiles/marketingCloudVisitorId/{marketingCloudVisitorId}/attributes/{name}':
    'adminOrProfileToken',
  'POST /m2/{client}/profile/batchUpdate': 'profileApi',
  'POST /m2/{client}/v2/profile/batchUpdate': 'profileApi',
  'GET /m2/{client}/profile/batchStatus': 'profileApi',
  'GET /m2/{client}/v2/profile/batchStatus': 'profileApi',
  'GET /{client}/target/batches': 'admin',
  'GET /{client}/target/changes': 'admin',
  'GET /{client}/target/merges': 'admin',
  'POST /{client}/target/merges/{id}/unmerge': 'admin',
  'GET /{client}/target/webhooks': 'admin',
  'POST /{client}/target/webhooks': 'admin',
  'GET /{client}/target/webhooks/{webhookId}': 'admin',
  'PATCH /{client}/target/webhooks/{webhookId}': 'admin',
  'DELETE /{client}/target/webhooks/{webhookId}': 'admin',
  'GET /{client}/target/webhooks/{webhookId}/secret': 'admin',
  'POST /{client}/target/webhooks/{webhookId}/secret': 'admin',
  'POST /{client}/target/webhooks/{webhookId}/test': 'admin',
  'GET /{client}/target/webhooks/{webhookId}/failures': 'admin',
  'POST /{client}/target/webhooks/{webhookId}/failures/redeliver': 'admin',
  'POST /{client}/target/batches': 'admin',
  'GET /{client}/target/batches/{batchId}': 'admin',
  'GET /{client}/target/batches/{batchId}/failures': 'admin',
  'POST /{client}/target/batches/{batchId}/retry': 'admin',
  'GET /{client}/target/customer-attributes': 'admin',
  'POST /{client}/target/customer-attributes/{source}': 'admin',
  'GET /{client}/target/clients/settings': 'admin',
  'PUT /{client}/target/clients/settings': 'admin',
  'PATCH /{client}/target/clients/settings': 'admin',
  'GET /{client}/target/atjs/settings': 'admin',
  'GET /{client}/target/authentication/token': 'admin',
  'POST /{client}/target/authentication/token': 'admin',
  'DELETE /{client}/target/authentication/token': 'admin',
  'GET /{client}/target/profiles': 'admin',
  'PATCH /{client}/target/profiles': 'admin',
  'DELETE /{client}/target/profiles': 'admin',
  'DELETE /{client}/target/profiles/attributes': 'admin',
  'GET /{client}/target/profiles/changes': 'admin',
  'GET /{client}/target/profiles/export': 'admin',
  'POST /{client}/target/profiles/import': 'admin',
  'POST /{client}/target/privacy/requests': 'admin',
  'GET /{client}/target/privacy/requests/{id}': 'admin',
  'GET /{client}/target/privacy/requests/{id}/files/{n}': 'admin',
  'GET /{client}/target/privacy/callback-secret': 'admin',
  'POST /{client}/target/privacy/callback-secret': 'admin',
  'GET /{client}/target/profileattributes/mbox': 'admin',
  'GET /{client}/target/scripts': 'admin',
  'GET /{client}/target/scripts/{name}': 'admin',
  'PUT /{client}/target/scripts/{name}': 'admin',
  'DELETE /{client}/target/scripts/{name}': 'admin',
  'POST /{client}/target/scripts/{name}/test': 'admin',
  'GET /{client}/target/audit': 'admin',
  'GET /{client}/target/usage': 'admin',
  'GET /{client}/target/server': 'admin',
  'GET /{client}/target/server/configuration': 'admin',
  'GET /{client}/target/live': 'admin',
  'GET /{client}/target/edges': 'admin',
  'POST /console/session': 'open',
  'GET /console/session': 'open',
  'DELETE /console/session': 'open',
  'GET /': 'open',
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'open',
  'GET /openapi.json': 'open',
  'GET /docs': 'open',
  'GET /console': 'open',
  'GET /console/{path*}': 'open',
};

/** Values for the parameters of a path: all of the calling client, and none of them exists. */
const targetOf = (path: string) =>
  path
    .replace('{client}', 'demo')
    .replace('{batchId}', 'demo-1701473848678-13029383')
    .replaceAll(/\{\w+\}/g, 'nobody-knows');

/**
 * Requests that the guard lets in must not affect the others, so they are invalid in what the
 * handler examines.
 */
const ask = (method: string, path: string, headers: Record<string, string>): Promise<Answer> =>
  quiver.ask(method, targetOf(path), { headers, ...(!['GET', 'DELETE'].includes(method) && { body: '[]' }) });

const isRefusal = (status: number) => status === 401 || status === 403 || status === 429;

test('the table has a row for every route, and no other row', () => {
  const served = quiver.app.routes.map(({ method, path }) => `${method} ${path}`);
  expect(Object.keys(ROUTES).sort()).toEqual(served.sort());
});

for (const required of [false, true]) {
  describe(`with tokens ${required ? 'required' : 'not required'}`, () => {
    beforeAll(() => requireTokens('demo', required));

    test.each(Object.entries(ROUTES))(
      'the route %s answers only callers that may use it (%s)',
      async (route, guard) => {
        const [method = '', path = ''] = route.split(' ');
        // It has its own guard, which admits anybody who proves to be the administrator; see below.
        if (path === '/console/session') return;
        const writes = method !== 'GET' || path.endsWith('/update');
        const row =
          guard === 'profileApi'
            ? `profileApi ${required ? 'on' : writes ? 'off, writing' : 'off'}`
            : guard === 'admin'
              ? `admin ${method === 'GET' ? 'GET' : 'other'}`
              : guard;
        const got: (number | 'in')[] = [];
        const start = clock;
        for (const name of NAMES) {
          // Each address has ten wrong guesses per minute; they are not tested here, so no two fall
          // into one minute.
          clock = start + (got.length % 2) * 60_001;
          const { status } = await ask(method, path, askers[name]!());
          got.push(isRefusal(status) ? status : 'in');
        }
        clock = start;
        expect(Object.fromEntries(NAMES.map((name, at) => [name, got[at]]))).toEqual(
          Object.fromEntries(NAMES.map((name, at) => [name, ROWS[row]![at]])),
        );
      },
    );
  });
}

describe('refusals', () => {
  beforeAll(() => requireTokens('demo', true));

  test.each([
    ['GET', '/rest/v1/profiles/thirdPartyId/a1', '{"status":403,"message":"Forbidden"}'],
    [
      'POST',
      '/m2/demo/profile/update?mboxPC=a&profile.x=1',
      '<response><success>false</success><pcId></pcId><message>Forbidden</message></response>',
    ],
    [
      'POST',
      '/m2/demo/v2/profile/batchUpdate',
      '<response><success>false</success><batchStatus></batchStatus><message>Forbidden</message></response>',
    ],
  ])('%s %s says Forbidden in the shape of its API', async (method, target, text) => {
    expect(await quiver.ask(method, target)).toMatchObject({ status: 403, text });
  });

  test('an admin route says who may call it, in the shape of the Admin API', async () => {
    const { status, json, headers } = await quiver.ask('GET', '/demo/target/clients/settings');
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(json).toEqual({
      httpStatus: 401,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      requestTime: expect.stringMatching(/Z$/),
      errors: [{ errorCode: 'Unauthorized', message: expect.stringContaining('QUIVER_TOKEN') }],
    });
  });

  test('profiles that exist and profiles that do not get the same refusal', async () => {
    const tntId = await quiver.visit({ thirdPartyId: 'is-there' });
    const answers = await Promise.all(
      [tntId, 'thirdPartyId/is-there', 'thirdPartyId/is-not', 'no-such-device'].map((path) =>
        quiver.ask('GET', `/rest/v1/profiles/${path}`, { headers: askers['a foreign token']!() }),
      ),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  });

  test('a token gives access only to profiles of its own client', async () => {
    await requireTokens('acme', true);
    const headers = askers['the token']!();
    const own = await quiver.ask('GET', '/rest/v1/profiles/a?client=demo', { headers });
    const foreign = await quiver.ask('GET', '/rest/v1/profiles/a?client=acme', { headers });
    expect([own.status, foreign.status]).toEqual([404, 403]);
  });
});

describe('signing in to the console', () => {
  const signIn = (token: unknown, headers: Record<string, string> = {}) =>
    quiver.ask('POST', '/console/session', { headers, body: { token } });

  test('takes the admin token and gives a cookie that no script can read', async () => {
    clock += 60_001;
    const { status, json, headers } = await signIn(ADMIN_TOKEN);
    expect(status).toBe(200);
    expect(json).toEqual({
      clients: ['demo', 'acme'],
      csrfToken: expect.stringMatching(/^[\w-]{43}$/),
      expiresAt: new Date(Math.floor(clock / 1000) * 1000 + 12 * 3_600_000).toISOString(),
    });
    const cookie = headers.get('set-cookie')!;
    expect(cookie).toMatch(/^quiver_session=[\w.-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(ADMIN_TOKEN);
    const session = { cookie: cookie.split(';')[0]! };
    expect((await quiver.ask('GET', '/console/session', { headers: session })).json).toEqual(json);
    clock += 12 * 3_600_000;
    expect((await quiver.ask('GET', '/console/session', { headers: session })).status).toBe(401);
  });

  test('over https gives a cookie for https only', async () => {
    const behindProxy = await openInProcess({
      trustedProxies: ['0.0.0.0/0'],
      allowedHosts: ['quiver.example'],
    });
    try {
      const request = new Request('http://in-process/console/session', {
        method: 'POST',
        headers: { host: 'quiver.example', 'x-forwarded-proto': 'https', origin: 'https://quiver.example' },
        body: JSON.stringify({ token: ADMIN_TOKEN }),
      });
      const response = await fetchOf(behindProxy.app, request, { address: '10.0.0.1', secure: false });
      expect(response.status).toBe(200);
      expect(response.headers.get('set-cookie')).toMatch(/; Secure$/);
    } finally {
      await behindProxy.close();
    }
  });

  test('refuses anything but the token, and pages of other origins', async () => {
    clock += 60_001;
    expect((await signIn('wrong')).status).toBe(401);
    expect((await signIn(17)).json).toEqual({ status: 400, message: 'token: must be a string' });
    expect((await signIn(ADMIN_TOKEN, { origin: 'https://elsewhere.example' })).status).toBe(403);
    expect((await signIn(ADMIN_TOKEN, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await signIn(ADMIN_TOKEN, { origin: 'http://127.0.0.1:8680' })).status).toBe(200);
  });

  test('is refused even with the right token after ten wrong ones within a minute, on any route', async () => {
    clock += 60_001;
    for (let n = 0; n < 10; n += 1) {
      const answer =
        n % 2
          ? await signIn(`wrong ${n}`)
          : await quiver.ask('GET', '/demo/target/batches', { headers: bearer('x') });
      expect(answer.status, `guess ${n}`).toBe(401);
    }
    const refused = await signIn(ADMIN_TOKEN);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    expect((await quiver.ask('GET', '/demo/target/batches', { headers: bearer(ADMIN_TOKEN) })).status).toBe(
      429,
    );
    clock += 60_001;
    expect((await signIn(ADMIN_TOKEN)).status).toBe(200);
  });

  test('checks at most ten of many simultaneous guesses, and a correct one after them is refused', async () => {
    clock += 60_001;
    const guess = (token: string) => quiver.ask('GET', '/demo/target/batches', { headers: bearer(token) });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => guess(n === 30 ? ADMIN_TOKEN : `wrong-${n}`)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(50);
    clock += 60_001;
    const right = await Promise.all(Array.from({ length: 60 }, () => guess(ADMIN_TOKEN)));
    expect(new Set(right.map(({ status }) => status))).toEqual(new Set([200]));
  });

  test('is not blocked by callers with an expired profile token, who do not count as guessers', async () => {
    clock += 60_001;
    for (let n = 0; n < 15; n += 1) {
      for (const name of ['an expired token', 'an ended token', 'a foreign token']) {
        const removed = await quiver.ask('DELETE', '/rest/v1/profiles/nobody', { headers: askers[name]!() });
        expect([name, removed.status]).toEqual([name, 403]);
        const read = await quiver.ask('GET', '/demo/target/batches', { headers: askers[name]!() });
        expect([name, read.status]).toEqual([name, 401]);
      }
    }
    expect((await signIn(ADMIN_TOKEN)).status).toBe(200);
  });

  test('counts guesses by the address from a trusted proxy, and ignores addresses that others claim', async () => {
    const behind = await openInProcess({ trustedProxies: ['10.0.0.0/8'] });
    try {
      const guess = async (peer: string, forwarded: string | undefined, token: string) => {
        const headers = {
          host: '127.0.0.1',
          ...bearer(token),
          ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
        };
        const request = new Request('http://in-process/demo/target/batches', { headers });
        return (await fetchOf(behind.app, request, { address: peer, secure: false })).status;
      };
      for (let n = 0; n < 10; n += 1) {
        // The first address of the list is invented by the guesser.
        expect(await guess('10.0.0.1', `198.51.100.${n}, 203.0.113.9:1${n}, 10.0.0.2`, `w${n}`)).toBe(401);
      }
      expect(await guess('10.0.0.1', '203.0.113.9', ADMIN_TOKEN)).toBe(429);
      expect(await guess('10.0.0.1', '203.0.113.10', ADMIN_TOKEN)).toBe(200);
      expect(await guess('::ffff:10.0.0.1', undefined, ADMIN_TOKEN)).toBe(200);
      for (let n = 0; n < 10; n += 1) {
        expect(await guess('203.0.113.20', `198.51.100.${n}`, `w${n}`)).toBe(401);
        expect(await guess('10.0.0.1', `2001:db8:0:1::${n}`, `w${n}`)).toBe(401);
      }
      expect(await guess('203.0.113.20', '198.51.100.99', ADMIN_TOKEN)).toBe(429);
      expect(await guess('10.0.0.1', '2001:db8:0:1:ffff::1', ADMIN_TOKEN)).toBe(429);
      expect(await guess('10.0.0.1', '2001:db8:0:2::1', ADMIN_TOKEN)).toBe(200);
    } finally {
      await behind.close();
    }
  });

  test('ends when signing out, which removes the cookie and ends the session', async () => {
    clock += 60_001;
    const cookie = (await signIn(ADMIN_TOKEN)).headers.get('set-cookie')!.split(';')[0]!;
    const other = (await signIn(ADMIN_TOKEN)).headers.get('set-cookie')!.split(';')[0]!;
    const status = async (sent: string) =>
      (await quiver.ask('GET', '/demo/target/batches', { headers: { cookie: sent } })).status;
    expect([await status(cookie), await status(other)]).toEqual([200, 200]);
    expect((await quiver.ask('DELETE', '/console/session', { headers: { cookie } })).status).toBe(204);
    expect([await status(cookie), await status(other)]).toEqual([401, 200]);
  });

  test('is not needed to sign out, which removes the cookie anyway', async () => {
    const { status, headers } = await quiver.ask('DELETE', '/console/session');
    expect(status).toBe(204);
    expect(headers.get('set-cookie')).toMatch(/^quiver_session=; Path=\/; Max-Age=0; /);
  });
});
