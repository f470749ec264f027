/** The bytes on the wire: both runtimes give the same replies (RFC 9110, RFC 9112). */

import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Quiver, type RuntimeName, startQuiver } from './start-quiver.ts';

// It is not compiled, and has no types.
const corpus = new URL('../../../torture/hostile-requests.mjs', import.meta.url).href;
const { HIDDEN, REQUESTS } = (await import(corpus)) as {
  HIDDEN: string;
  REQUESTS: [name: string, bytes: string, expected: 'refused' | 'once'][];
};

const RUNTIMES = ['bun', 'node'] as const satisfies RuntimeName[];
const servers: Quiver[] = [];
beforeAll(async () => {
  for (const runtime of RUNTIMES) {
    const quiver = await startQuiver({ runtime, flags: ['--workers', '1', '--keep-alive', '7'] });
    servers.push(quiver);
    for (const thirdPartyId of ['.', '..', '\\', 'a', 'b']) await visit(quiver.url, thirdPartyId);
  }
});
afterAll(async () => {
  for (const quiver of servers) await quiver.stop();
});

async function visit(url: string, thirdPartyId: string): Promise<void> {
  const profileParameters = { is: thirdPartyId };
  const body = {
    id: { thirdPartyId },
    context: { channel: 'web' },
    execute: { pageLoad: { profileParameters } },
  };
  const path = `${url}/rest/v1/delivery?client=demo&sessionId=s`;
  const answer = await fetch(path, { method: 'POST', body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
}

/** Sends bytes and returns everything received until the server closes, without parts that vary. */
async function send(url: string, bytes: string, pieces = 1): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  const all = Buffer.from(bytes, 'latin1');
  const size = Math.ceil(all.length / pieces);
  for (let at = 0; at < all.length; at += size) {
    socket.write(all.subarray(at, at + size));
    if (pieces > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await closed;
  return received
    .replaceAll(/Date: [^\r]+/g, 'Date: now')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+\+00:00|"value":"\d{13}"/g, 'then')
    .replaceAll(/[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id');
}

/** Sends the same bytes to both runtimes, which must answer alike. */
async function sendToBoth(bytes: string, pieces = 1): Promise<string> {
  const [bun, node] = await Promise.all(servers.map(({ url }) => send(url, bytes, pieces)));
  expect(bun).toBe(node);
  return bun!;
}

const statuses = (received: string) =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
const CLOSE = 'Connection: close\r\n';
const get = (path: string, headers = CLOSE) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
const post = (path: string, body: string, headers = CLOSE) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
const fetchOf = (id: string) => `/rest/v1/profiles/thirdPartyId/${id}`;
const update = (value: string, headers = '') =>
  post('/m2/demo/profile/update', `mbox3rdPartyId=a&profile.n=${value}`, headers);

describe('a request with unusual but allowed parts', () => {
  test('is answered in order even before the reply to an asynchronous one, and sees earlier ones', async () => {
    const received = await sendToBoth(
      update('1') + get(fetchOf('a'), '') + update('2') + get(fetchOf('a'), '') + get('/healthz'),
    );
    expect(statuses(received)).toEqual([200, 200, 200, 200, 200]);
    expect([...received.matchAll(/"n":\{"value":"(\d)"/g)].map(([, value]) => value)).toEqual(['1', '2']);
  });

  test('gets the same replies however its bytes are cut', async () => {
    const bytes = update('3') + get(fetchOf('a'));
    expect(await sendToBoth(bytes, bytes.length)).toBe(await sendToBoth(bytes));
  });

  test.each(['100-continue', '100-Continue'])(
    'with Expect: %s is answered before the body arrives',
    async (expectation) => {
      for (const { url } of servers) {
        const { hostname, port } = new URL(url);
        const socket = connect(Number(port), hostname);
        let received = '';
        socket.setEncoding('latin1').on('data', (text: string) => {
          received += text;
        });
        const bytes = update('4', `Expect: ${expectation}\r\n${CLOSE}`);
        const head = bytes.indexOf('\r\n\r\n') + 4;
        socket.write(bytes.slice(0, head));
        await vi.waitFor(() => expect(received).toBe('HTTP/1.1 100 Continue\r\n\r\n'), 5000);
        socket.write(bytes.slice(head));
        await once(socket, 'close');
        expect(statuses(received)).toEqual([100, 200]);
      }
    },
  );

  test('may be followed by line breaks, which are no request', async () => {
    expect(statuses(await sendToBoth(`${update('5')}\r\n\r\n${get('/healthz')}`))).toEqual([200, 200]);
  });

  test('may have trailers and quoted chunk extensions', async () => {
    const body = '1b;a="b \\" c";d\r\nmbox3rdPartyId=a&profile.n=\r\n1\r\n6\r\n0\r\nX-Trailer: y\r\n\r\n';
    const received = await sendToBoth(
      `POST /m2/demo/profile/update HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${body}${get(fetchOf('a'))}`,
    );
    expect(statuses(received)).toEqual([200, 200]);
    expect(received).toContain('"n":{"value":"6"');
  });

  test.each([
    ['%2E', '.'],
    ['%2e%2e', '..'],
    ['..', '..'],
    ['%5C', '\\\\'],
  ])('keeps the id %s, because paths are not normalised', async (id, is) => {
    expect(await sendToBoth(get(fetchOf(id)))).toContain(`"is":{"value":"${is}"`);
  });

  test('may repeat the host in its target, and HTTP/1.0 needs no Host', async () => {
    expect(
      statuses(await sendToBoth(`GET http://LOCALHOST/healthz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}\r\n`)),
    ).toEqual([200]);
    expect(statuses(await sendToBoth('GET /healthz HTTP/1.0\r\n\r\n'))).toEqual([200]);
  });

  test('that offers HTTP/2 is answered in HTTP/1.1', async () => {
    const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n';
    expect(statuses(await sendToBoth(get('/healthz', offer) + get('/healthz')))).toEqual([200, 200]);
  });

  test('by HEAD is answered like GET without the body, and changes nothing', async () => {
    const [got, head] = await Promise.all(
      [get('/healthz'), get('/healthz').replace('GET', 'HEAD')].map((bytes) => sendToBoth(bytes)),
    );
    expect(`${head}ok\n`).toBe(got);
    const refused = await sendToBoth(
      get('/m2/demo/profile/update?mbox3rdPartyId=b&profile.n=7').replace('GET', 'HEAD'),
    );
    expect(refused).toMatch(/^HTTP\/1\.1 405 .*\r\nAllow: GET, POST\r\n/s);
    expect(await sendToBoth(get(fetchOf('b')))).not.toContain('"n"');
  });

  test('may have a gzip body', async () => {
    const packed = gzipSync('mbox3rdPartyId=a&profile.n=8').toString('latin1');
    const received = await sendToBoth(
      post('/m2/demo/profile/update', packed, 'Content-Encoding: gzip\r\n') + get(fetchOf('a')),
    );
    expect(received).toContain('"n":{"value":"8"');
  });

  test('gets a header that says how long the connection stays open', async () => {
    expect(await sendToBoth(get('/healthz', '') + get('/healthz'))).toMatch(
      /^HTTP[\s\S]*?\r\nConnection: keep-alive\r\nKeep-Alive: timeout=7\r\n[\s\S]*\r\nConnection: close\r\n/,
    );
  });
});

describe('a request that HTTP does not allow is refused in the shape of its route', () => {
  const xml = (message: string) => `<message>${message}</message>`;
  const json = (message: string) => `"message":"${message}"}`;
  const UPDATE = '/m2/demo/profile/update';
  test.each([
    [
      400,
      'a backslash in a path',
      get('/rest/v1/profiles/a\\..\\b'),
      json('target: must have no backslash in its path; percent-encode it'),
    ],
    [
      400,
      'bytes that are not ASCII',
      get('/rest/v1/profiles/\xe9'),
      json('target: must be visible ASCII; percent-encode all else'),
    ],
    [400, 'a fragment', get('/healthz#x'), json('target: must have no fragment; percent-encode a #')],
    [400, 'two hosts', get(UPDATE, 'Host: b\r\n'), xml('Host: must be sent once')],
    [400, 'no host', `GET ${UPDATE} HTTP/1.1\r\n\r\n`, xml('Host: must be sent')],
    [
      400,
      'another host in the target',
      get(`http://b${UPDATE}`),
      json('target: its host must be that of the Host header'),
    ],
    [
      400,
      'a folded header',
      get(UPDATE, 'X: a\r\n b\r\n'),
      xml('request: Unexpected whitespace after header value'),
    ],
    [
      400,
      'chunks in HTTP/1.0',
      'POST /m2/demo/profile/update HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      xml('Transfer-Encoding: is not part of HTTP/1.0'),
    ],
    [
      413,
      'a body over the bound of its route',
      post(UPDATE, 'x'.repeat(61_441)),
      xml('body: must have at most 61440 bytes'),
    ],
    [414, 'a long URL', get(`${UPDATE}?${'x'.repeat(20_000)}`), xml('URL: must have at most 16384 bytes')],
    [
      415,
      'an unknown packing',
      post(UPDATE, 'x', `Content-Encoding: br\r\n${CLOSE}`),
      xml('Content-Encoding: must be gzip or absent, not br'),
    ],
    [
      417,
      'an unknown expectation',
      get(UPDATE, 'Expect: 200-ok\r\n'),
      xml('Expect: must be 100-continue, not 200-ok'),
    ],
    [
      431,
      'a large head',
      get(UPDATE, `X: ${'x'.repeat(40_000)}\r\n`),
      xml('headers: must be at most 100, with at most 32768 bytes'),
    ],
    [
      431,
      'many headers',
      get(UPDATE, 'X: x\r\n'.repeat(101)),
      xml('headers: must be at most 100, with at most 32768 bytes'),
    ],
    [
      501,
      'a method in lower case',
      'get /healthz HTTP/1.1\r\nHost: a\r\n\r\n',
      json('method: is not one that is known here'),
    ],
    [
      501,
      'a transfer coding',
      post(UPDATE, '', '').replace('Content-Length: 0', 'Transfer-Encoding: gzip, chunked'),
      xml('Transfer-Encoding: must be chunked alone'),
    ],
    [501, 'CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', json('CONNECT: this is no proxy')],
    [
      505,
      'another version',
      'GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n',
      'version: must be HTTP/1.1 or HTTP/1.0\n',
    ],
  ])('with %i: %s', async (status, _, bytes, body) => {
    const received = await sendToBoth(bytes + get(fetchOf(HIDDEN), ''));
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\nConnection: close\r\n`));
    expect(received).toContain(body);
    expect(statuses(received)).toHaveLength(1);
  });

  test('the smuggling corpus gets at most one answer each, and no hidden request is read', async () => {
    for (const [name, bytes, expected] of REQUESTS) {
      // A valid request leaves the connection open; half-closing it says that nothing more comes.
      const received = await sendToBoth(
        expected === 'once' ? bytes.replace('Host: ', `${CLOSE}Host: `) : bytes,
      );
      expect(received, name).not.toContain(HIDDEN);
      expect(statuses(received), name).toHaveLength(1);
      if (expected === 'refused') expect(statuses(received)[0], name).toBeGreaterThanOrEqual(400);
    }
  });

  test('a head that does not end is refused after ten seconds with 408', async () => {
    expect(await sendToBoth(`GET ${UPDATE} HTTP/1.1\r\nHost: a\r\nX: `)).toMatch(
      /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*<message>request: its head must arrive within 10 seconds</,
    );
  });
});
