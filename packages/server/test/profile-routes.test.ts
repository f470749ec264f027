/** Fetch, single update and removal, request by request (contract sections 4, 5 and 9). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, openInProcess, updateXml } from './in-process.ts';

const DAY = 24 * 60 * 60 * 1000;
const START = Date.parse('2026-08-18T17:53:39.003Z');
const SUCCESS = updateXml(true, 'Request successfully submitted');
const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };

let now = START;
let quiver: InProcess;
beforeAll(async () => {
  quiver = await openInProcess({ cluster: 28 }, () => now);
});
afterAll(() => quiver.close());

describe('a fetch', () => {
  test('answers with exactly four members, for each kind of id, and the id as requested', async () => {
    await quiver.visit(
      { tntId: 'f1.28_20', thirdPartyId: 'crm-1', marketingCloudVisitorId: 'ecid-1' },
      { country: 'france' },
    );
    for (const [path, visitorId] of [
      ['f1.28_20', 'f1.28_20'],
      ['f1', 'f1'],
      ['f1.17', 'f1.17'],
      ['%66%31', 'f1'],
      ['thirdPartyId/crm-1', 'crm-1'],
      ['marketingCloudVisitorId/ecid-1', 'ecid-1'],
    ]) {
      const answer = await quiver.ask('GET', `/rest/v1/profiles/${path}?client=demo`);
      expect(answer.status).toBe(200);
      expect(answer.text).toBe(
        `{"client":"demo","visitorId":"${visitorId}","modifiedAt":"2026-08-18T17:53:39.003+00:00","profileAttributes":{` +
          '"country":{"value":"france","modifiedAt":"2026-08-18T17:53:39.003+00:00"},' +
          `"firstSessionStart":{"value":"${START}","modifiedAt":"2026-08-18T17:53:39.003+00:00"}}}`,
      );
      expect(answer.headers.get('content-type')).toBe('application/json;charset=UTF-8');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('x-quiver-edge')).toBe('28');
    }
  });

  const LONG = 'x'.repeat(257);
  test.each([
    ['xyz', 'mboxPC=xyz'],
    ['111.28_20', 'mboxPC=111.28_20'],
    ['a.b.c', 'mboxPC=a.b.c'],
    ['%00', 'mboxPC=\0'],
    ['a%2Fb', 'mboxPC=a/b'],
    ['a%252Fb', 'mboxPC=a%2Fb'],
    ['thirdPartyId/xyz', 'third party id=xyz'],
    ['thirdPartyId/a+b', 'third party id=a+b'],
    ['thirdPartyId/a%2Fb', 'third party id=a/b'],
    [`thirdPartyId/${LONG}`, `third party id=${LONG}`],
    ['thirdPartyId/%22%3Cb%3E', 'third party id="<b>'],
    ['marketingCloudVisitorId/xyz', 'marketing cloud visitor id=xyz'],
  ])('is a 404 for %s', async (path, named) => {
    const answer = await quiver.ask('GET', `/rest/v1/profiles/${path}?client=demo`);
    expect(answer.status).toBe(404);
    expect(answer.json).toEqual({ status: 404, message: `No profile found for client demo with ${named}` });
    expect(answer.text).toMatch(/^\{"status":404,"message":/);
  });

  test('takes ids as data, whatever their characters, and decodes them once', async () => {
    for (const id of [
      '100%',
      'a%2Fb',
      'a/b',
      'a?b#c',
      'sp ace',
      'plus+plus',
      '\0',
      'thirdPartyId',
      'é',
      '😀',
      '"',
      '__proto__',
    ]) {
      await quiver.visit({ tntId: id }, { which: `${id}!` });
      expect(await quiver.attributes(encodeURIComponent(id)), id).toEqual([['which', `${id}!`]]);
    }
  });

  test('by HEAD is answered as GET is, without a body', async () => {
    const found = await quiver.ask('HEAD', '/rest/v1/profiles/f1');
    expect([found.status, found.text, found.headers.get('content-type')]).toEqual([
      200,
      '',
      'application/json;charset=UTF-8',
    ]);
    expect((await quiver.ask('HEAD', '/rest/v1/profiles/nobody')).status).toBe(404);
  });

  test('finds nothing from the millisecond of expiry, and does not extend a lifetime', async () => {
    await quiver.visit({ tntId: 'mortal' }, { a: '1' });
    now = START + 14 * DAY - 1;
    expect(await quiver.attributes('mortal')).toEqual([['a', '1']]);
    now += 1;
    expect(await quiver.attributes('mortal')).toBeUndefined();
    now = START;
  });
});

describe('a single update', () => {
  const form = 'application/x-www-form-urlencoded';
  const json = 'application/json';
  test.each([
    [
      'GET, in the query',
      'GET',
      '/m2/demo/profile/update?mboxPC=u&profile.c=fr+x%2B',
      undefined,
      undefined,
      'fr x+',
    ],
    [
      'a hint is not identity',
      'GET',
      '/m2/demo/profile/update?mboxPC=u.9_9&profile.c=2',
      undefined,
      undefined,
      '2',
    ],
    [
      'POST, no body, no type',
      'POST',
      '/m2/demo/profile/update?mboxPC=u&profile.c=3',
      undefined,
      undefined,
      '3',
    ],
    [
      'POST, empty body of a type',
      'POST',
      '/m2/demo/profile/update?mboxPC=u&profile.c=4',
      '',
      'text/plain',
      '4',
    ],
    ['POST, a form', 'POST', '/m2/demo/profile/update', 'mboxPC=u&profile.c=5', form, '5'],
    [
      'POST, no type is a form',
      'POST',
      '/m2/demo/profile/update',
      new TextEncoder().encode('mboxPC=u&profile.c=6'),
      '',
      '6',
    ],
    [
      'POST, the type in any case',
      'POST',
      '/m2/demo/profile/update',
      'mboxPC=u&profile.c=7',
      `${form.toUpperCase()}; charset=UTF-8`,
      '7',
    ],
    [
      'POST, JSON',
      'POST',
      '/m2/demo/profile/update',
      { mboxPC: 'u', 'profile.c': '8', other: [1] },
      json,
      '8',
    ],
    [
      'POST, JSON numbers are text',
      'POST',
      '/m2/demo/profile/update',
      { mboxPC: 'u', 'profile.c': 9.5 },
      json,
      '9.5',
    ],
    [
      'POST, JSON booleans are text',
      'POST',
      '/m2/demo/profile/update',
      { mboxPC: 'u', 'profile.c': true },
      json,
      'true',
    ],
    [
      'the body wins',
      'POST',
      '/m2/demo/profile/update?mboxPC=nobody&profile.c=query',
      'mboxPC=u&profile.c=body',
      form,
      'body',
    ],
    [
      'the last one wins',
      'GET',
      '/m2/demo/profile/update?mboxPC=u&profile.c=1&profile.c=last',
      undefined,
      undefined,
      'last',
    ],
    [
      'the literal client',
      'GET',
      '/m2/client/profile/update?mboxPC=u&profile.c=11',
      undefined,
      undefined,
      '11',
    ],
    [
      'blanks around the client',
      'GET',
      '/m2/%20demo%20/profile/update?mboxPC=u&profile.c=12',
      undefined,
      undefined,
      '12',
    ],
    ['raw UTF-8 in a form', 'POST', '/m2/demo/profile/update', 'mboxPC=u&profile.c=é😀', form, 'é😀'],
    [
      'other parameters are ignored',
      'GET',
      '/m2/demo/profile/update?mboxPC=u&profile.c=13&country=x&profileX=y',
      undefined,
      undefined,
      '13',
    ],
  ] as const)('works in this form: %s', async (_, method, target, body, type, value) => {
    await quiver.visit({ tntId: 'u' });
    const answer = await quiver.ask(method, target, {
      ...(body !== undefined && { body }),
      ...(type ? { headers: { 'content-type': type } } : {}),
    });
    expect([answer.status, answer.text]).toEqual([200, SUCCESS]);
    expect(answer.headers.get('content-type')).toBe('text/xml;charset=UTF-8');
    expect(answer.headers.get('x-quiver-edge')).toBe('28');
    expect(await quiver.attributes('u')).toEqual([['c', value]]);
  });

  test('works by thirdPartyId; with both ids the stronger one names the profile, and nothing is linked', async () => {
    await quiver.visit({ thirdPartyId: 'p1' });
    await quiver.visit({ tntId: 'd1' });
    const answer = await quiver.ask('GET', '/m2/demo/profile/update?mboxPC=d1&mbox3rdPartyId=p1&profile.a=1');
    expect(answer.text).toBe(SUCCESS);
    expect(await quiver.attributes('thirdPartyId/p1')).toEqual([['a', '1']]);
    expect(await quiver.attributes('d1')).toEqual([]);
  });

  test('creates no profile, and answers success false for an unknown one', async () => {
    const answer = await quiver.ask('GET', '/m2/demo/profile/update?mbox3rdPartyId=unknown&profile.a=1');
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(
      updateXml(false, 'No profile found for client demo with third party id=unknown'),
    );
    expect(await quiver.attributes('thirdPartyId/unknown')).toBeUndefined();
  });

  test('ignores empty values, which neither clear nor create', async () => {
    await quiver.visit({ tntId: 'e1' }, { kept: 'yes' });
    for (const query of [
      'profile.kept=&profile.new=&profile.more=1',
      'profile.kept=',
      'profile.kept=&profile.kept=yes&profile.kept=',
    ]) {
      expect((await quiver.ask('GET', `/m2/demo/profile/update?mboxPC=e1&${query}`)).text).toBe(SUCCESS);
    }
    expect(await quiver.attributes('e1')).toEqual([
      ['more', '1'],
      ['kept', 'yes'],
    ]);
  });

  test('changes only profiles of its client', async () => {
    const answer = await quiver.ask('GET', '/m2/acme/profile/update?mboxPC=f1&profile.a=1');
    expect(answer.text).toBe(updateXml(false, 'No profile found for client acme with mboxPC=f1'));
  });

  test('keeps the order of the request, oldest first', async () => {
    await quiver.visit({ tntId: 'o1' }, { z: '1', a: '1' });
    await quiver.ask(
      'GET',
      '/m2/demo/profile/update?mboxPC=o1&profile.m=2&profile.10=2&profile.9=2&profile.z=2',
    );
    const text = (await quiver.ask('GET', '/rest/v1/profiles/o1')).text;
    expect([...text.matchAll(/"(\w+)":\{"value":"\w/g)].map(([, name]) => name)).toEqual([
      'a',
      'firstSessionStart',
      'm',
      '10',
      '9',
      'z',
    ]);
  });
});

describe('removal', () => {
  test('removes an attribute, then the profile with all its ids', async () => {
    await quiver.visit({ tntId: 'r1', thirdPartyId: 'r-person' }, { a: '1', 'b/c': '2' });
    const attribute = '/rest/v1/profiles/thirdPartyId/r-person/attributes/b%2Fc';
    expect((await quiver.ask('DELETE', attribute, { headers: admin })).status).toBe(204);
    expect(await quiver.attributes('r1')).toEqual([['a', '1']]);
    const again = await quiver.ask('DELETE', attribute, { headers: admin });
    expect(again.json).toEqual({
      status: 404,
      message: 'No attribute b/c found for client demo with third party id=r-person',
    });
    const gone = await quiver.ask('DELETE', '/rest/v1/profiles/r1.28_20', { headers: admin });
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect(await quiver.attributes('r1')).toBeUndefined();
    expect(await quiver.attributes('thirdPartyId/r-person')).toBeUndefined();
    for (const path of ['r1', 'r1/attributes/a', 'a.b.c', 'a.b.c/attributes/a']) {
      expect((await quiver.ask('DELETE', `/rest/v1/profiles/${path}`, { headers: admin })).status, path).toBe(
        404,
      );
    }
  });

  test.each([
    ['nothing', {}],
    ['another token', { authorization: 'Bearer wrong' }],
    ['the admin token under another scheme', { authorization: `Basic ${ADMIN_TOKEN}` }],
    ['a part of the admin token', { authorization: `Bearer ${ADMIN_TOKEN.slice(0, -1)}` }],
    ['an empty token', { authorization: 'Bearer ' }],
  ])('is refused with %s, and removes nothing', async (_, headers) => {
    await quiver.visit({ tntId: 'guarded' }, { a: '1' });
    for (const path of ['guarded', 'guarded/attributes/a']) {
      const answer = await quiver.ask('DELETE', `/rest/v1/profiles/${path}`, { headers });
      expect([answer.status, answer.text]).toEqual([403, '{"status":403,"message":"Forbidden"}']);
    }
    expect(await quiver.attributes('guarded')).toEqual([['a', '1']]);
  });
});
