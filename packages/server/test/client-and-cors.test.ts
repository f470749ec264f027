/** Which client a request is for, over HTTP (contract section 2), and whose pages may call (sections 7 and 11). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InProcess, openInProcess } from './in-process.ts';

const SHOP = 'https://shop.example';
let quiver: InProcess;
let shopped: InProcess;
beforeAll(async () => {
  quiver = await openInProcess();
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
  ])('%s', async (_, host, query, client) => {
    const answer = await quiver.ask('GET', `/rest/v1/profiles/same${query}`, { headers: { host } });
    expect(answer.json.client).toBe(client);
    expect(answer.json.profileAttributes.client.value).toBe(client);
  });
});

test('the host of an absolute-form target does not count', async () => {
  const target = 'http://acme.localhost/rest/v1/profiles/same';
  const response = await quiver.app.fetch(new Request(target, { headers: { host: 'demo.localhost' } }));
  expect(await response.json()).toMatchObject({ client: 'demo' });
});

describe('the client of an update', () => {
  test.each([
    ['the segment', 'localhost', 'acme', '', 'acme'],
    ['blanks around it', 'localhost', '%20acme+%20'.replace('+', ''), '', 'acme'],
    ['the literal word', 'localhost', 'client', '', 'demo'],
    ['one not served', 'localhost', 'other', '', 'demo'],
    ['the query before the segment', 'localhost', 'demo', '&client=acme', 'acme'],
    ['the host before all', 'acme.localhost', 'demo', '&client=demo', 'acme'],
    ['a name that every object has', 'localhost', 'constructor', '', 'demo'],
  ])('%s', async (_, host, segment, query, client) => {
    const target = `/m2/${segment}/profile/update?mboxPC=nobody&profile.a=1${query}`;
    const answer = await quiver.ask('GET', target, { headers: { host } });
    expect(answer.text).toContain(`No profile found for client ${client} with mboxPC=nobody`);
  });
});

describe('CORS', () => {
  const from = (origin: string) => ({ headers: { origin, 'access-control-request-method': 'POST' } });

  test.each(['/rest/v1/delivery', '/rest/v1/mbox/s1'])('every page may call %s', async (path) => {
    const preflight = await quiver.ask('OPTIONS', path, from('https://any.example'));
    expect([preflight.status, preflight.text]).toEqual([204, '']);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    const refused = await quiver.ask('POST', path, { ...from('https://any.example'), body: '[]' });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([400, '*']);
  });

  test('no page may call the profile APIs unless its origin is configured', async () => {
    const answer = await quiver.ask('GET', '/rest/v1/profiles/same', from(SHOP));
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect((await quiver.ask('OPTIONS', '/rest/v1/profiles/same', from(SHOP))).status).toBe(405);
  });

  test.each(['/rest/v1/profiles/x', '/rest/v1/profiles/thirdPartyId/x', '/m2/demo/profile/update'])(
    'a configured origin may call %s, others may not',
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
