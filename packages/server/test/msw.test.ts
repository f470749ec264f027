/**
 * `quiver-server/msw`: calls to Adobe's hosts reach a sandbox in this process, and nothing leaves
 * it (contract section 13).
 */

import dns from 'node:dns';
import https from 'node:https';
import { createRequire } from 'node:module';
import net from 'node:net';
import { http } from 'msw';
import { http as http2 } from 'msw-2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { targetHandlers } from '../src/msw.ts';
import type { RunningSandbox } from '../src/sandbox/public-types.ts';
import { startSandbox } from '../src/sandbox/start-sandbox.ts';
import { targetHandlersOf } from '../src/sandbox/target-handlers.ts';
import type { Json } from './in-process.ts';

// MSW 3 needs Node 22, which has this. The server supports Node 20.19, on which these tests run
// too.
Promise.withResolvers ??= function withResolvers<T>(this: PromiseConstructor) {
  let resolve!: (value: T | PromiseLike<T>) => void;
  let reject!: (reason?: unknown) => void;
  const promise = new this<T>((...given) => {
    [resolve, reject] = given;
  });
  return { promise, resolve, reject };
};

const require = createRequire(import.meta.url);

/**
 * The SDK keeps the `fetch` that it finds when it is loaded, which MSW 2 replaces and MSW 3 does
 * not, so it is loaded again here.
 */
function loadSdk(): Json {
  const path = require.resolve('@adobe/target-nodejs-sdk');
  delete require.cache[path];
  return require(path);
}

/**
 * Names that were looked up and addresses that packets were sent to, observed below everything that
 * an interceptor replaces.
 */
const left: string[] = [];
let stopRecording: () => void;

beforeAll(async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const tcp = Object.getPrototypeOf((server as Json)._handle);
  await new Promise((resolve) => server.close(resolve));
  const { lookup } = dns;
  const { connect, connect6 } = tcp;
  tcp.connect = function (this: unknown, ...args: unknown[]) {
    left.push(String(args[1]));
    return connect.apply(this, args);
  };
  tcp.connect6 = function (this: unknown, ...args: unknown[]) {
    left.push(String(args[1]));
    return connect6.apply(this, args);
  };
  dns.lookup = ((host: string, ...rest: unknown[]) => {
    left.push(host);
    return (lookup as (...args: unknown[]) => void)(host, ...rest);
  }) as typeof lookup;
  stopRecording = () => {
    Object.assign(tcp, { connect, connect6 });
    dns.lookup = lookup;
  };
});
afterAll(() => stopRecording());

test('the recording of packets sees what leaves the process', async () => {
  await using quiver = await startSandbox();
  await fetch(`${quiver.url}/healthz`);
  expect(left).toContain('127.0.0.1');
});

const { setupServer: setupServer3 } = await import('msw/node');
const { setupServer: setupServer2 } = await import('msw-2/node');

/**
 * Starts to intercept.
 * @returns a function that stops it
 */
type Intercept = (quiver: RunningSandbox) => () => void;

const withMsw3: Intercept = (quiver) => {
  const server = setupServer3(...targetHandlers(quiver));
  server.listen({ onUnhandledFrame: 'error' });
  return () => server.close();
};
const withMsw2: Intercept = (quiver) => {
  const server = setupServer2(...targetHandlersOf(http2, quiver));
  server.listen({ onUnhandledRequest: 'error' });
  return () => server.close();
};

describe.each<[string, Intercept]>([
  ['MSW 3', withMsw3],
  ['MSW 2', withMsw2],
])('with %s', (_, intercept) => {
  let quiver: RunningSandbox;
  let stop: () => void;
  beforeEach(async () => {
    quiver = await startSandbox({
      clients: ['shop', 'acme'],
      seed: [{ client: 'acme', thirdPartyId: 'crm-1', attributes: { plan: 'none' } }],
    });
    stop = intercept(quiver);
    left.length = 0;
  });
  afterEach(async () => {
    stop();
    await quiver.close();
  });

  test('the Node SDK works without options, with hints as at Adobe, and sends no packet elsewhere', async () => {
    await quiver.weather({ locationHints: true });
    const client = loadSdk().create({
      client: 'shop',
      organizationId: 'ABCDEF0123456789ABCDEF01@AdobeOrg',
    });
    const see = (profileParameters: object, targetCookie?: string) =>
      client.getOffers({
        request: { execute: { mboxes: [{ name: 'home', index: 1, profileParameters }] } },
        targetCookie,
      });
    const first = await see({ a: '1' });
    expect(first.response.edgeHost).toBe('mboxedge28.tt.omtrdc.net');
    const second = await see({ b: '2' }, first.targetCookie.value);
    expect(second.response.id.tntId).toBe(first.response.id.tntId);
    const calls = await quiver.requests.find({ client: 'shop', route: 'visit' });
    expect(calls.map(({ headers, changes }) => [headers.host, changes[0]?.what])).toEqual([
      ['shop.tt.omtrdc.net', 'created'],
      ['mboxedge28.tt.omtrdc.net', 'updated'],
    ]);
    expect(left).toEqual([]);
  });

  test('the hosts of every client are answered, by https and http, with all methods and a body', async () => {
    await fetch('https://acme.tt.omtrdc.net/m2/acme/profile/update', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'mbox3rdPartyId=crm-1&profile.plan=gold',
    });
    const found = await fetch('http://acme.tt.omtrdc.net/rest/v1/profiles/thirdPartyId/crm-1?client=acme');
    expect(await found.json()).toMatchObject({ profileAttributes: { plan: { value: 'gold' } } });
    const asked = await new Promise<number | undefined>((resolve, reject) => {
      const url = 'https://shop.tt.omtrdc.net/rest/v1/profiles/thirdPartyId/crm-1?client=shop';
      https.get(url, (reply) => resolve(reply.resume().statusCode)).once('error', reject);
    });
    expect(asked).toBe(404);
    expect(left).toEqual([]);
  });

  test('a fault applies as it does over the network', async () => {
    await quiver.faults.add({ route: 'fetch', status: 503, retryAfter: 7, times: 1 });
    const refused = await fetch('https://shop.tt.omtrdc.net/rest/v1/profiles/x?client=shop');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '7']);
    await quiver.faults.add({ route: 'fetch', cut: 'head' });
    await expect(fetch('https://shop.tt.omtrdc.net/rest/v1/profiles/x?client=shop')).rejects.toThrow(
      TypeError,
    );
  });

  test.each([
    'https://example.com/a.tt.omtrdc.net/b',
    'https://tt.omtrdc.net/',
    'https://x.tt.omtrdc.net.example/',
  ])('the address %s is left alone', async (url) => {
    vi.spyOn(console, 'error').mockReturnValue();
    await expect(fetch(url)).rejects.toThrow();
    expect(await quiver.requests.count()).toBe(0);
    expect(left).toEqual([]);
  });
});

test('an own server domain works, and an invalid one is refused', () => {
  const [handler] = targetHandlersOf(
    { all: (url: RegExp) => url },
    { fetch },
    { serverDomain: 'target.test' },
  );
  expect(handler!.test('https://shop.target.test/rest/v1/delivery')).toBe(true);
  expect(handler!.test('https://shopXtarget.test/rest/v1/delivery')).toBe(false);
  expect(() => targetHandlersOf(http, { fetch }, { serverDomain: '.*' })).toThrow(
    'serverDomain: must be a host name',
  );
});
