/**
 * Every refusal: its status, its format, the member and the rule it names; and that nothing is
 * stored.
 */

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type AskOptions, type InProcess, openInProcess, updateXml } from './in-process.ts';

let quiver: InProcess;
let before: string;
beforeAll(async () => {
  quiver = await openInProcess();
  await quiver.visit({ tntId: 'probe', thirdPartyId: 'probe', marketingCloudVisitorId: 'probe' }, { a: '1' });
  before = await probe();
});
afterAll(() => quiver.close());
beforeEach(() => {
  quiver.changes.length = 0;
});

async function probe(): Promise<string> {
  return (await quiver.ask('GET', '/rest/v1/profiles/probe')).text;
}

/**
 * Expects the request to be refused with that status, in the format of its route, without any
 * change to the store.
 */
async function expectRefusal(
  method: string,
  target: string,
  options: AskOptions,
  status: number,
  message: string,
) {
  const answer = await quiver.ask(method, target, options);
  if (target.startsWith('/m2/')) {
    expect(answer.text).toBe(updateXml(false, message));
    expect(answer.headers.get('content-type')).toBe('text/xml;charset=UTF-8');
  } else {
    expect(answer.text).toBe(JSON.stringify({ status, message }));
    expect(answer.headers.get('content-type')).toBe('application/json;charset=UTF-8');
  }
  expect(answer.status).toBe(status);
  expect(quiver.changes).toEqual([]);
  expect(await probe()).toBe(before);
}

/** A body that arrives in pieces, without a length. */
function chunked(bytes: number, onPiece: (sent: number) => void = () => {}): ReadableStream {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent >= bytes) return controller.close();
      sent += 1024;
      onPiece(sent);
      controller.enqueue(new Uint8Array(1024).fill(0x61));
    },
  });
}

const SCALAR = 'must be a string, a number, true or false';
const NO_UTF8 = 'must be percent-encoded UTF-8';

describe('a bad fetch', () => {
  test.each([
    ['/rest/v1/profiles/%', `tntId: ${NO_UTF8}`],
    ['/rest/v1/profiles/%zz', `tntId: ${NO_UTF8}`],
    ['/rest/v1/profiles/thirdPartyId/%ff', `thirdPartyId: ${NO_UTF8}`],
    ['/rest/v1/profiles/thirdPartyId/%ED%A0%80', `thirdPartyId: ${NO_UTF8}`],
    ['/rest/v1/profiles/marketingCloudVisitorId/%C0%80', `marketingCloudVisitorId: ${NO_UTF8}`],
    ['/rest/v1/profiles/probe?client=%ff', `client: ${NO_UTF8}`],
  ])('is a 400: %s', (target, message) => expectRefusal('GET', target, {}, 400, message));

  test('with two Host headers is a 400, even where Bun joins them with a comma', () =>
    expectRefusal(
      'GET',
      '/rest/v1/profiles/probe',
      { headers: { host: 'demo.localhost, acme.localhost' } },
      400,
      'Host: must be sent once',
    ));
});

describe('a method or path that does not exist', () => {
  test.each([
    ['PUT', '/rest/v1/profiles/probe', 'GET, DELETE, HEAD'],
    ['POST', '/rest/v1/profiles/thirdPartyId/probe', 'GET, DELETE, HEAD'],
    ['PATCH', '/rest/v1/profiles/marketingCloudVisitorId/probe', 'GET, DELETE, HEAD'],
    ['OPTIONS', '/rest/v1/profiles/probe', 'GET, DELETE, HEAD'],
    ['GET', '/rest/v1/profiles/probe/attributes/a', 'DELETE'],
    ['DELETE', '/m2/demo/profile/update', 'GET, POST'],
    ['GET', '/rest/v1/delivery', 'POST, OPTIONS'],
    ['PUT', '/rest/v1/mbox/s1', 'POST, OPTIONS'],
    ['POST', '/openapi.json', 'GET, HEAD, OPTIONS'],
  ])('is a 405: %s %s', async (method, target, allow) => {
    await expectRefusal(method, target, {}, 405, `Method not allowed: ${method}; allowed: ${allow}`);
    expect((await quiver.ask(method, target)).headers.get('allow')).toBe(allow);
  });

  test.each([
    ['/m2/demo/profile/update?mboxPC=probe&profile.a=2', 'GET, POST'],
    ['/m2/demo/mbox/json?mbox=home&mboxPC=probe&profile.a=2', 'GET, POST, OPTIONS'],
  ])('is a 405: HEAD %s, whose GET changes something', async (target, allow) => {
    const before = quiver.changes.length;
    const answer = await quiver.ask('HEAD', target);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    expect(quiver.changes.length).toBe(before);
  });

  test.each([
    '/rest/v1/profiles',
    '/rest/v1/profiles/',
    '/rest/v1/profiles/thirdPartyId/',
    '/rest/v1/profiles/a/b/c/d/e',
    '/rest/v1/mbox/',
    '/m2/demo/profile',
    '/m2/',
  ])('is a 404: %s', (target) => expectRefusal('GET', target, {}, 404, `No such path: ${target}`));
});

describe('a client that is not served', () => {
  test.each([
    ['GET', '/rest/v1/profiles/probe?client=nope', {}, 'nope'],
    ['GET', '/rest/v1/profiles/probe?client=%3Cb%3E', {}, '<b>'],
    ['GET', '/rest/v1/profiles/probe?client=demo', { host: 'nope.tt.omtrdc.net' }, 'nope'],
    ['POST', '/rest/v1/delivery?sessionId=s1&client=__proto__', {}, '__proto__'],
    ['GET', '/m2/demo/profile/update?client=nope&mboxPC=probe&profile.a=2', {}, 'nope'],
    ['GET', '/m2/demo/profile/update?mboxPC=probe&profile.a=2', { host: 'nope.localhost:80' }, 'nope'],
  ])('is a 404: %s %s', (method, target, headers, named) =>
    expectRefusal(
      method,
      target,
      { headers: headers as Record<string, string> },
      404,
      `No such client: ${named}`,
    ),
  );
});

describe('a bad single update', () => {
  const JSON_TYPE = { headers: { 'content-type': 'application/json' } };
  const LONG_NAME = 'n'.repeat(129);
  const NAME_RULE = 'the name after &quot;profile.&quot; must have 1 to 128 characters';
  test.each([
    ['mboxPC=probe', 'profile.&lt;name&gt;: at least one profile attribute must be given'],
    ['profile.a=2', 'mboxPC or mbox3rdPartyId: must be given'],
    ['mboxPC=&profile.a=2', 'mboxPC or mbox3rdPartyId: must be given'],
    ['mboxPC=a.b.c&profile.a=2', 'mboxPC: must contain at most one dot'],
    ['mboxPC=.28&profile.a=2', 'mboxPC: must not start with a dot'],
    [`mboxPC=${'x'.repeat(129)}&profile.a=2`, 'mboxPC: must have 1 to 128 characters'],
    [`mbox3rdPartyId=${'x'.repeat(257)}&profile.a=2`, 'mbox3rdPartyId: must have 1 to 256 characters'],
    ['mbox3rdPartyId=a%2Bb&profile.a=2', 'mbox3rdPartyId: must not contain + or /'],
    ['mboxPC=probe&mbox3rdPartyId=a/b&profile.a=2', 'mbox3rdPartyId: must not contain + or /'],
    [`mboxPC=probe&profile.${LONG_NAME}=2`, `profile.${LONG_NAME}: ${NAME_RULE}`],
    ['mboxPC=probe&profile.=2', `profile.: ${NAME_RULE}`],
    [
      'mboxPC=probe&profile.user.x=2',
      'profile.user.x: the name after &quot;profile.&quot; must not start with &quot;user.&quot;, which belongs to profile scripts',
    ],
    ['mboxPC=%&profile.a=2', `mboxPC: ${NO_UTF8}`],
    ['mboxPC=probe&profile.a=%ff%', `profile.a: ${NO_UTF8}`],
    ['mboxPC=probe&profile.a=%E9', `profile.a: ${NO_UTF8}`],
    ['mboxPC=probe&profile.%zz=2', `profile.%zz: ${NO_UTF8}`],
  ])('is a 400: %s', async (query, message) => {
    const shown = message.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"');
    const escaped = shown.replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
    await expectRefusal('GET', `/m2/demo/profile/update?${query}`, {}, 400, escaped);
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: query };
    await expectRefusal('POST', '/m2/demo/profile/update', form, 400, escaped);
  });

  test.each([
    ['not JSON', '{"mboxPC":', 'body: must be valid JSON'],
    ['a list', '[]', 'body: must be a JSON object'],
    ['a string', '"x"', 'body: must be a JSON object'],
    ['null', 'null', 'body: must be a JSON object'],
    ['bad UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'body: must be UTF-8'],
    [
      '33 levels',
      `{"a":${'['.repeat(32)}${']'.repeat(32)}}`,
      'body: must not be nested deeper than 32 levels',
    ],
    [
      'a null value',
      { mboxPC: 'probe', 'profile.a': null },
      'profile.a: must be a string, a number, true or false',
    ],
    [
      'a list value',
      { mboxPC: 'probe', 'profile.a': ['2'] },
      'profile.a: must be a string, a number, true or false',
    ],
    [
      'an object value',
      { mboxPC: 'probe', 'profile.a': {} },
      'profile.a: must be a string, a number, true or false',
    ],
    ['a null id', { mboxPC: null, 'profile.a': '2' }, 'mboxPC: must be a string, a number, true or false'],
    [
      'a number too big to keep',
      '{"mboxPC":"probe","profile.a":12345678901234567890}',
      'profile.a: must be sent as a string to be kept exactly',
    ],
    [
      'an infinite number',
      '{"mboxPC":"probe","profile.a":1e999}',
      'profile.a: must be sent as a string to be kept exactly',
    ],
    [
      'half a character in a value',
      '{"mboxPC":"probe","profile.a":"\\ud800"}',
      'profile.a: must be well-formed Unicode',
    ],
    [
      'half a character in a name',
      '{"mboxPC":"probe","profile.\\udc00":"2"}',
      'profile.\uFFFD: the name after &quot;profile.&quot; must be well-formed Unicode',
    ],
    [
      'half a character in an id',
      '{"mboxPC":"\\ud800","profile.a":"2"}',
      'mboxPC: must be well-formed Unicode',
    ],
  ])('as JSON is a 400: %s', (_, body, message) =>
    expectRefusal('POST', '/m2/demo/profile/update', { ...JSON_TYPE, body }, 400, message),
  );

  test.each([
    ['multipart/form-data; boundary=x', 'multipart/form-data'],
    ['text/plain', 'text/plain'],
  ])('with a body of type %s is a 400', (type, named) =>
    expectRefusal(
      'POST',
      '/m2/demo/profile/update?mboxPC=probe&profile.a=2',
      { headers: { 'content-type': type }, body: 'x=1' },
      400,
      `Content-Type: must be application/x-www-form-urlencoded or application/json, not ${named}`,
    ),
  );

  test.each([
    [415, 'br', 'x=1', 'Content-Encoding: must be gzip or absent, not br'],
    [400, 'gzip', 'x=1', 'body: is not whole gzip'],
    [413, 'gzip', gzipSync('x'.repeat(61_441)), 'body: must have at most 61440 bytes'],
  ])('gets a %i with an unreadable body of encoding %s', (status, coding, body, message) =>
    expectRefusal(
      'POST',
      '/m2/demo/profile/update',
      { headers: { 'content-encoding': coding }, body },
      status,
      message,
    ),
  );

  test('with a bad escape in the client is a 400', () =>
    expectRefusal('GET', '/m2/%ff/profile/update?mboxPC=probe&profile.a=2', {}, 400, `client: ${NO_UTF8}`));

  test('with attributes of more than 64 KB in total is a 400', async () => {
    const value = (bytes: number) => ({
      ...JSON_TYPE,
      body: { mboxPC: 'big', 'profile.b': 'b'.repeat(bytes) },
    });
    await quiver.visit({ tntId: 'big' });
    // The name `b` is one byte, `firstSessionStart` and its time are 30, and `a` below is all that
    // is left.
    expect((await quiver.ask('POST', '/m2/demo/profile/update', value(60_000))).status).toBe(200);
    const room = 64 * 1024 - 60_001 - 30 - 1;
    const full = 'a'.repeat(room);
    quiver.changes.length = 0;
    const profile = async () => (await quiver.ask('GET', '/rest/v1/profiles/big')).text;
    const kept = await profile();
    await expectRefusal(
      'GET',
      `/m2/demo/profile/update?mboxPC=big&profile.a=${full}a`,
      {},
      400,
      'The attributes of one profile may total 65536 bytes; nothing was changed',
    );
    expect(await profile()).toBe(kept);
    expect((await quiver.ask('GET', `/m2/demo/profile/update?mboxPC=big&profile.a=${full}`)).status).toBe(
      200,
    );
  });

  test('as a GET with a URL of more than 8 KB is a 414; 8 KB are allowed, and a POST may have more', async () => {
    const fill = (length: number) => {
      const start = '/m2/demo/profile/update?mboxPC=nobody&profile.a=';
      return start + 'x'.repeat(length - start.length);
    };
    await expectRefusal('GET', fill(8193), {}, 414, 'URL: must have at most 8192 characters; use POST');
    expect((await quiver.ask('GET', fill(8192))).status).toBe(200);
    expect((await quiver.ask('POST', fill(9000))).status).toBe(200);
  });

  const TOO_LARGE = 'body: must have at most 61440 bytes';
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  test('with a body of more than 60 KB is a 413; 60 KB are allowed', async () => {
    const fill = (length: number) => `mboxPC=nobody&profile.a=${'x'.repeat(length - 24)}`;
    await expectRefusal(
      'POST',
      '/m2/demo/profile/update',
      { headers: form, body: fill(61_441) },
      413,
      TOO_LARGE,
    );
    expect(
      (await quiver.ask('POST', '/m2/demo/profile/update', { headers: form, body: fill(61_440) })).status,
    ).toBe(200);
  });
  test('with a chunked body over the limit is a 413, and nothing beyond the limit is read', async () => {
    let read = 0;
    const body = chunked(10_000_000, (sent) => {
      read = sent;
    });
    await expectRefusal('POST', '/m2/demo/profile/update', { headers: form, body }, 413, TOO_LARGE);
    expect(read).toBeLessThan(70_000);
  });
  test('with a body longer than its Content-Length is a 413', () =>
    expectRefusal(
      'POST',
      '/m2/demo/profile/update',
      { headers: { ...form, 'content-length': '10' }, body: chunked(70_000) },
      413,
      TOO_LARGE,
    ));
  test('with a Content-Length over the limit is a 413, whatever follows', () =>
    expectRefusal(
      'POST',
      '/m2/demo/profile/update',
      { headers: { ...form, 'content-length': '61441' }, body: 'x=1' },
      413,
      TOO_LARGE,
    ));
  test('with a truncated body is a 400', () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('gone')) });
    return expectRefusal(
      'POST',
      '/m2/demo/profile/update',
      { headers: form, body },
      400,
      'body: was cut short',
    );
  });
});

describe('a bad Delivery request', () => {
  const web = { channel: 'web' };
  const many = (count: number, make: (n: number) => unknown) =>
    Array.from({ length: count }, (_, n) => make(n));
  const SESSION_RULE = 'sessionId: must have 1 to 128 printable characters, without space, ?, /, { or }';

  test.each([
    ['', 'sessionId: must be given'],
    ['sessionId=', 'sessionId: must be given'],
    ['sessionId=a%20b', SESSION_RULE],
    ['sessionId=a%3Fb', SESSION_RULE],
    ['sessionId=a/b', SESSION_RULE],
    ['sessionId=a%7Bb', SESSION_RULE],
    ['sessionId=a%7Db', SESSION_RULE],
    ['sessionId=a%00b', SESSION_RULE],
    ['sessionId=a%0Ab', SESSION_RULE],
    [`sessionId=${'s'.repeat(129)}`, SESSION_RULE],
    ['sessionId=%ff', `sessionId: ${NO_UTF8}`],
  ])('with the query ?%s is a 400', (query, message) =>
    expectRefusal('POST', `/rest/v1/delivery?${query}`, { body: { context: web } }, 400, message),
  );

  const page = (profileParameters: unknown) => ({
    context: web,
    execute: { pageLoad: { profileParameters } },
  });
  const PAGE = 'execute.pageLoad.profileParameters';
  test.each<[string, unknown, string]>([
    ['no body', undefined, 'body: must be valid JSON'],
    ['not JSON', '{', 'body: must be valid JSON'],
    ['a list', [], 'body: must be a JSON object'],
    [
      '33 levels',
      `{"context":{"channel":"web"},"x":${'{"a":'.repeat(32)}1${'}'.repeat(32)}}`,
      'body: must not be nested deeper than 32 levels',
    ],
    ['100,000 levels', '['.repeat(100_000), 'body: must not be nested deeper than 32 levels'],
    ['bad UTF-8', new Uint8Array([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x7d]), 'body: must be UTF-8'],
    ['no context', {}, 'context: must be given'],
    ['context null', { context: null }, 'context: must be an object'],
    ['no channel', { context: {} }, 'context.channel: must be given'],
    ['another channel', { context: { channel: 'tv' } }, 'context.channel: must be "web" or "mobile"'],
    ['channel null', { context: { channel: null } }, 'context.channel: must be "web" or "mobile"'],
    ['beacon', { context: { channel: 'web', beacon: 'yes' } }, 'context.beacon: must be true or false'],
    ['id', { context: web, id: 'x' }, 'id: must be an object'],
    ['tntId', { context: web, id: { tntId: 5 } }, 'id.tntId: must be a string'],
    ['tntId empty', { context: web, id: { tntId: '' } }, 'id.tntId: must have 1 to 128 characters'],
    [
      'tntId long',
      { context: web, id: { tntId: 'x'.repeat(129) } },
      'id.tntId: must have 1 to 128 characters',
    ],
    ['tntId dots', { context: web, id: { tntId: 'a.b.c' } }, 'id.tntId: must contain at most one dot'],
    ['tntId dot first', { context: web, id: { tntId: '.28_20' } }, 'id.tntId: must not start with a dot'],
    [
      'tntId half a character',
      '{"context":{"channel":"web"},"id":{"tntId":"\\ud83d"}}',
      'id.tntId: must be well-formed Unicode',
    ],
    [
      'thirdPartyId empty',
      { context: web, id: { thirdPartyId: '' } },
      'id.thirdPartyId: must have 1 to 256 characters',
    ],
    [
      'thirdPartyId long',
      { context: web, id: { thirdPartyId: 'x'.repeat(257) } },
      'id.thirdPartyId: must have 1 to 256 characters',
    ],
    [
      'thirdPartyId plus',
      { context: web, id: { tntId: 'probe', thirdPartyId: 'a+b' } },
      'id.thirdPartyId: must not contain + or /',
    ],
    [
      'thirdPartyId slash',
      { context: web, id: { thirdPartyId: 'a/b' } },
      'id.thirdPartyId: must not contain + or /',
    ],
    [
      'ECID long',
      { context: web, id: { marketingCloudVisitorId: 'x'.repeat(129) } },
      'id.marketingCloudVisitorId: must have 1 to 128 characters',
    ],
    [
      'customer id',
      { context: web, id: { customerIds: [{ id: 'x'.repeat(129) }] } },
      'id.customerIds[0].id: must have at most 128 characters',
    ],
    [
      'customer id half a character',
      '{"context":{"channel":"web"},"id":{"customerIds":[{"id":"a"},{"id":"\\ud83d","integrationCode":"crm","authenticatedState":"authenticated"}]}}',
      'id.customerIds[1].id: must be well-formed Unicode',
    ],
    [
      'alias half a character',
      '{"context":{"channel":"web"},"id":{"customerIds":[{"id":"a","integrationCode":"\\ud83d","authenticatedState":"authenticated"}]}}',
      'id.customerIds[0].integrationCode: must be well-formed Unicode',
    ],
    [
      'customer state',
      { context: web, id: { customerIds: [{ id: 'x', authenticatedState: 'maybe' }] } },
      'id.customerIds[0].authenticatedState: must be "unknown" or "authenticated" or "logged_out"',
    ],
    [
      '51 mboxes',
      { context: web, execute: { mboxes: many(51, (index) => ({ index, name: 'm' })) } },
      'execute.mboxes: must have at most 50 entries',
    ],
    [
      '51 prefetched',
      { context: web, prefetch: { mboxes: many(51, (index) => ({ index, name: 'm' })) } },
      'prefetch.mboxes: must have at most 50 entries',
    ],
    [
      'mboxes no list',
      { context: web, execute: { mboxes: { name: 'm' } } },
      'execute.mboxes: must be a list',
    ],
    ['mbox no object', { context: web, execute: { mboxes: ['m'] } }, 'execute.mboxes[0]: must be an object'],
    [
      'index',
      { context: web, execute: { mboxes: [{ index: 'a' }] } },
      'execute.mboxes[0].index: must be a number',
    ],
    [
      'index broken',
      { context: web, execute: { mboxes: [{ index: 1.5 }] } },
      'execute.mboxes[0].index: must be a whole number',
    ],
    [
      'name',
      { context: web, prefetch: { views: [{ name: 1 }] } },
      'prefetch.views[0].name: must be a string',
    ],
    ['notifications', { context: web, notifications: {} }, 'notifications: must be a list'],
    ['parameters no object', page('x'), `${PAGE}: must be an object`],
    ['parameters a list', page(['x']), `${PAGE}: must be an object`],
    [
      '51 parameters',
      page(Object.fromEntries(many(51, (n) => [`n${n}`, '1']) as [string, string][])),
      `${PAGE}: must have at most 50 members`,
    ],
    ['empty name', page({ '': '1' }), `${PAGE}: the name "" must have 1 to 128 characters`],
    [
      'long name',
      page({ ['n'.repeat(129)]: '1' }),
      `${PAGE}: the name "${'n'.repeat(129)}" must have 1 to 128 characters`,
    ],
    [
      'name of a script',
      page({ 'user.a': '1' }),
      `${PAGE}: the name "user.a" must not start with "user.", which belongs to profile scripts`,
    ],
    [
      'prefixed name',
      page({ 'profile.a': '1' }),
      `${PAGE}: the name "profile.a" must not start with "profile."`,
    ],
    [
      'half a character in a name',
      '{"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{"\\ud800":"1"}}}}',
      `${PAGE}: the name "\\ud800" must be well-formed Unicode`,
    ],
    [
      'half a character in a value',
      '{"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{"a":"\\udc00"}}}}',
      `${PAGE}: the value of "a" must be well-formed Unicode`,
    ],
    ['value null', page({ a: null }), `${PAGE}: the value of "a" ${SCALAR}`],
    ['value object', page({ __proto__x: {} }), `${PAGE}: the value of "__proto__x" ${SCALAR}`],
    ['value list', page({ a: [1] }), `${PAGE}: the value of "a" ${SCALAR}`],
    [
      'value number that is rounded',
      '{"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{"a":9007199254740993}}}}',
      `${PAGE}: the value of "a" must be sent as a string to be kept exactly`,
    ],
    [
      'value long',
      page({ a: 'v'.repeat(5001) }),
      `${PAGE}: the value of "a" must have at most 5000 characters`,
    ],
    [
      'in an mbox',
      { context: web, execute: { mboxes: [{}, {}, {}, { profileParameters: { a: null } }] } },
      'execute.mboxes[3].profileParameters: the value of "a" must be a string, a number, true or false',
    ],
    [
      'in a prefetched mbox',
      { context: web, prefetch: { mboxes: [{ profileParameters: 1 }] } },
      'prefetch.mboxes[0].profileParameters: must be an object',
    ],
    [
      'in a view',
      { context: web, prefetch: { views: [{ profileParameters: 1 }] } },
      'prefetch.views[0].profileParameters: must be an object',
    ],
    [
      'in a prefetched page',
      { context: web, prefetch: { pageLoad: { profileParameters: 1 } } },
      'prefetch.pageLoad.profileParameters: must be an object',
    ],
    [
      'in a notification',
      { context: web, notifications: [{ profileParameters: 1 }] },
      'notifications[0].profileParameters: must be an object',
    ],
    [
      'a good part beside a bad one',
      { id: { tntId: 'probe' }, ...page({ good: '1' }), notifications: [{ profileParameters: { a: null } }] },
      'notifications[0].profileParameters: the value of "a" must be a string, a number, true or false',
    ],
  ])('is a 400: %s', (_, body, message) =>
    expectRefusal('POST', '/rest/v1/delivery?sessionId=s1', body === undefined ? {} : { body }, 400, message),
  );

  test('with more than 64 KB in total is a 400, and no id is linked', async () => {
    const profileParameters = Object.fromEntries(
      many(50, (n) => [`n${n + 10}`, '😀'.repeat(256)]) as [string, string][],
    );
    const mboxes = many(2, (m) => ({
      profileParameters: Object.fromEntries(
        Object.entries(profileParameters).map(([name, value]) => [`${m}${name}`, value]),
      ),
    }));
    await expectRefusal(
      'POST',
      '/rest/v1/delivery?sessionId=s1',
      { body: { id: { tntId: 'probe', thirdPartyId: 'unlinked' }, context: web, execute: { mboxes } } },
      400,
      'profileParameters: the attributes of one profile may total at most 65536 bytes; nothing was changed',
    );
    expect(await quiver.attributes('thirdPartyId/unlinked')).toBeUndefined();
  });

  test('with a body of more than 4 MB is a 413, even chunked', async () => {
    const message = 'body: must have at most 4194304 bytes';
    await expectRefusal(
      'POST',
      '/rest/v1/delivery?sessionId=s1',
      { body: ' '.repeat(4_194_305) },
      413,
      message,
    );
    await expectRefusal('POST', '/rest/v1/mbox/s1', { body: chunked(4_200_000) }, 413, message);
  });
});

describe('a bad legacy mbox call', () => {
  test.each([
    ['s%201', {}, 'sessionId: must have 1 to 128 printable characters, without space, ?, /, { or }'],
    ['%ff', {}, `sessionId: ${NO_UTF8}`],
    ['s1', { mbox: 1 }, 'mbox: must be a string'],
    ['s1', { mbox: '' }, 'mbox: must not be empty'],
    ['s1', { tntId: '' }, 'tntId: must have 1 to 128 characters'],
    ['s1', { thirdPartyId: 'a+b' }, 'thirdPartyId: must not contain + or /'],
    ['s1', { profileParameters: [] }, 'profileParameters: must be an object'],
    [
      's1',
      { profileParameters: { 'profile.a': '1' } },
      'profileParameters: the name "profile.a" must not start with "profile."',
    ],
  ])('is a 400: %s %j', (sessionId, body, message) =>
    expectRefusal('POST', `/rest/v1/mbox/${sessionId}`, { body }, 400, message),
  );
});

describe('a bad removal', () => {
  test('with a bad escape in the name of an attribute is a 400', () =>
    expectRefusal(
      'DELETE',
      '/rest/v1/profiles/probe/attributes/%ff',
      { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } },
      400,
      `name: ${NO_UTF8}`,
    ));
});
