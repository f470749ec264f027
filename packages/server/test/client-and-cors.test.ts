/**
 * Which client a request is for (contract section 2), and whose pages may call (sections 7 and 11).
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchOf, type InProcess, openInProcess, updateXml } from './in-process.ts';

const SHOP = 'https://shop.example';
let quiver: InProcess;
let shopped: InProcess;
beforeAll(async () => {
  // Reachable by others, so that it may have any host name.
  quiver = await openInProcess({ host: '0.0.0.0' });
  shopped = await openInProcess({ corsOrigins: [SHOP] });
  for (const client of ['demo', 'acme']) {
    const body = {
      id: { tntId: 'same' },
      context: { channel: 'web' },
      execute: { pageLoad: { profileParameters: { client } } },
    };
    await quiver.ask('POST', `/rest/v1/delivery?sessionId=s&client=${client}`, { body });
  }
});
afterAll(async () => {
  await quiver.close();
  await shopped.close();
});

describe('the client of a fetch', () => {
  test.each([
    ['nothing says', '127.0.0.1:8680', '', 'demo'],
    ['the query', '127.0.0.1:8680', '?client=acme', 'acme'],
    ['the last of two', '127.0.0.1:8680', '?client=nope&client=acme', 'acme'],
    ['an empty query says nothing', 'localhost', '?client=', 'demo'],
    ['the host', 'acme.tt.omtrdc.net', '', 'acme'],
    ['the host before the query', 'acme.tt.omtrdc.net', '?client=demo', 'acme'],
    ['the host in any case, with a port and a last dot', 'ACME.TT.omtrdc.NET.:443', '', 'acme'],
    ['under localhost', 'acme.localhost:8680', '', 'acme'],
    ['an edge cluster is no client', 'mboxedge28.tt.omtrdc.net', '?client=acme', 'acme'],
    ['an edge cluster alone', 'MboxEdge28.tt.omtrdc.net', '', 'demo'],
    ['the bare domain', 'tt.omtrdc.net', '', 'demo'],
    ['two labels', 'a.acme.tt.omtrdc.net', '', 'demo'],
    ['another domain', 'acme.example.com', '', 'demo'],
    ['a domain that only ends alike', 'acme.xtt.omtrdc.net', '', 'demo'],
    ['an address', '[::1]:8680', '', 'demo'],
    ['an organisation id', 'localhost', '?imsOrgId=X%40AdobeOrg', 'demo'],
  ])('comes from: %s', async (_, host, query, client) => {
    const answer = await quiver.ask('GET', `/rest/v1/profiles/same${query}`, { headers: { host } });
    expect(answer.json.client).toBe(client);
    expect(answer.json.profileAttributes.client.value).toBe(client);
  });
});

test('ignores the host of an absolute-form target', async () => {
  const target = 'http://acme.localhost/rest/v1/profiles/same';
  const response = await fetchOf(quiver.app, new Request(target, { headers: { host: 'demo.localhost' } }));
  expect(await response.json()).toMatchObject({ client: 'demo' });
});

describe('the client of an update', () => {
  test.each([
    ['the segment', 'localhost', 'acme', '', 'acme'],
    ['blanks around it', 'localhost', '%20acme+%20'.replace('+', ''), '', 'acme'],
    ['the literal word', 'localhost', 'client', '', 'demo'],
    ['the query before the segment', 'localhost', 'demo', '&client=acme', 'acme'],
    ['the host before all', 'acme.localhost', 'demo', '&client=demo', 'acme'],
  ])('comes from: %s', async (_, host, segment, query, client) => {
    const target = `/m2/${segment}/profile/update?mboxPC=nobody&profile.a=1${query}`;
    const answer = await quiver.ask('GET', target, { headers: { host } });
    expect(answer.text).toContain(`No profile found for client ${client} with mboxPC=nobody`);
  });
});

describe('a client name in the path that is not served', () => {
  const update = (from: InProcess, name: string) =>
    from.ask('GET', `/m2/${name}/profile/update?mboxPC=nobody&profile.a=1`);

  test.each(['other', 'constructor', 'Demo'])(
    'is refused while several clients are served: %s',
    async (name) => {
      const answer = await update(quiver, name);
      expect([answer.status, answer.text]).toEqual([404, updateXml(false, `No such client: ${name}`)]);
    },
  );

  test('means the default client while only one is served', async () => {
    const single = await openInProcess({ clients: ['demo'] });
    try {
      for (const name of ['other', 'client', 'demo']) {
        expect((await update(single, name)).text).toContain('No profile found for client demo');
      }
    } finally {
      await single.close();
    }
  });
});

describe('pages of other origins may not write', () => {
  const UPDATE = '/m2/demo/profile/update?mboxPC=same&profile.from=page';
  const UPLOAD = '/m2/demo/profile/batchUpdate';
  const sent = async (server: InProcess, method: string, path: string, headers: Record<string, string>) =>
    (await server.ask(method, path, { headers, ...(path === UPLOAD && { body: 'batch=pcId,a\nsame,1' }) }))
      .status;
  const writes = [
    ['POST', UPDATE],
    ['GET', UPDATE],
    ['POST', UPLOAD],
  ] as const;

  test.each([
    ['a form on another site', { origin: 'https://attacker.example', 'sec-fetch-site': 'cross-site' }],
    ['an image on another site', { 'sec-fetch-site': 'cross-site' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:9', 'sec-fetch-site': 'same-site' }],
    ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['a browser that says the origin alone', { origin: 'https://attacker.example' }],
  ])('and are refused here: %s', async (_, headers) => {
    const before = quiver.changes.length;
    for (const [method, path] of writes) expect(await sent(quiver, method, path, headers)).toBe(403);
    expect(quiver.changes.length).toBe(before);
    // Visits need no permission, so they are accepted from every page.
    const body = { context: { channel: 'web' } };
    const visit = await quiver.ask('POST', '/rest/v1/delivery?client=demo&sessionId=s', { headers, body });
    expect(visit.status).toBe(200);
  });

  test.each([
    ['no browser', {}],
    ['the own page', { origin: 'http://127.0.0.1:8680', 'sec-fetch-site': 'same-origin' }],
    ['a person who typed it', { 'sec-fetch-site': 'none' }],
    ['an older browser, own page', { origin: 'http://127.0.0.1:8680' }],
    ['an origin that is configured', { origin: SHOP, 'sec-fetch-site': 'cross-site' }],
  ])('but this caller can: %s', async (_, headers) => {
    const writing = await openInProcess({ corsOrigins: [SHOP] });
    try {
      await writing.visit({ tntId: 'same' });
      for (const [method, path] of writes) expect(await sent(writing, method, path, headers)).toBe(200);
    } finally {
      await writing.close();
    }
  });
});

describe('one slash at the end of a path is ignored', () => {
  test.each([
    ['POST', '/rest/v1/delivery/?sessionId=s1'],
    ['POST', '/rest/v1/mbox/s1/'],
    ['GET', '/rest/v1/profiles/same/'],
    ['GET', '/healthz/'],
    ['GET', '/m2/demo/profile/update/?mboxPC=same&profile.slash=1'],
  ])('for %s %s', async (method, target) => {
    const body = method === 'POST' ? { body: { context: { channel: 'web' } } } : {};
    expect((await quiver.ask(method, target, body)).status).toBe(200);
  });

  test.each(['/rest/v1/delivery//', '/rest/v1/profiles/thirdPartyId/', '/rest/v1/profiles/'])(
    'but %s is still not a path',
    async (target) => {
      const answer = await quiver.ask('GET', target);
      expect([answer.status, answer.json.message]).toEqual([404, `No such path: ${target}`]);
    },
  );
});

describe('CORS', () => {
  const from = (origin: string) => ({ headers: { origin, 'access-control-request-method': 'POST' } });

  const VISITS = [
    '/rest/v1/delivery?sessionId=s1',
    '/rest/v1/mbox/s1',
    '/rest/v2/batchmbox?sessionId=s1',
    '/m2/demo/mbox/json',
    '/m2/demo/rest/standard',
    '/m2/demo/ubox/raw',
  ];

  test.each(VISITS)('lets every page call %s with credentials, as at.js does', async (target) => {
    for (const origin of ['https://any.example', 'http://127.0.0.1:3000', 'null']) {
      const preflight = await quiver.ask('OPTIONS', target, {
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type, x-exc-sdk',
          'access-control-request-private-network': 'true',
        },
      });
      expect([preflight.status, preflight.text]).toEqual([204, '']);
      expect(Object.fromEntries(preflight.headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'content-type, x-exc-sdk',
        'access-control-allow-methods': expect.stringContaining('POST'),
        'access-control-allow-private-network': 'true',
        vary: 'Origin',
      });
      const refused = await quiver.ask('POST', target, { headers: { origin }, body: '[]' });
      expect(refused.status).toBe(400);
      expect(Object.fromEntries(refused.headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        vary: 'Origin',
      });
    }
  });

  test('names no origin for a visit without one, and tells caches to keep it apart', async () => {
    const answer = await quiver.ask('POST', VISITS[0]!, { body: { context: { channel: 'web' } } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('vary')).toBe('Origin');
    const plain = await quiver.ask('OPTIONS', VISITS[0]!, { headers: { origin: SHOP } });
    expect(plain.headers.get('access-control-allow-private-network')).toBeNull();
  });

  test('gives each of two alternating origins its own headers', async () => {
    for (const origin of ['https://a.example', 'https://b.example', 'https://a.example']) {
      const answer = await quiver.ask('POST', VISITS[0]!, {
        headers: { origin },
        body: { context: { channel: 'web' } },
      });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
    }
  });

  test('lets no page call the profile APIs unless its origin is configured', async () => {
    const answer = await quiver.ask('GET', '/rest/v1/profiles/same', from(SHOP));
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect((await quiver.ask('OPTIONS', '/rest/v1/profiles/same', from(SHOP))).status).toBe(405);
  });

  test.each(['/rest/v1/profiles/x', '/rest/v1/profiles/thirdPartyId/x', '/m2/demo/profile/update'])(
    'lets only a configured origin call %s',
    async (path) => {
      const allowed = await shopped.ask('OPTIONS', path, from(SHOP));
      expect(allowed.status).toBe(204);
      expect(allowed.headers.get('access-control-allow-origin')).toBe(SHOP);
      expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
      expect(allowed.headers.get('vary')).toBe('Origin');
      for (const origin of ['https://other.example', 'null', `${SHOP}.evil.example`, 'http://shop.example']) {
        const other = await shopped.ask('GET', path, from(origin));
        expect(other.headers.get('access-control-allow-origin'), origin).toBeNull();
        expect(other.headers.get('vary')).toBe('Origin');
      }
    },
  );
});
