/**
 * Adobe's unmodified Node SDK from the registry (contract section 12); it knows only a host name of
 * Quiver. Every connection of this process is recorded, because in the default configuration no
 * visitor may be sent elsewhere.
 */

import { createRequire } from 'node:module';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServeConfig } from '../src/config/config.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import type { Listener } from '../src/runtime/runtime.ts';
import { type InProcess, type Json, openInProcess } from './in-process.ts';

const TargetClient: Json = createRequire(import.meta.url)('@adobe/target-nodejs-sdk');

let quiver: InProcess;
let listener: Listener;
let host: string;
/** The hosts that the SDK requested, as it wrote them. */
let asked: string[];
/** The addresses that this process connected to. */
let connected: string[];
const connect = net.Socket.prototype.connect;

beforeEach(() => {
  asked = [];
  connected = [];
  net.Socket.prototype.connect = function (this: net.Socket, ...args: Json[]) {
    const [target] = Array.isArray(args[0]) ? args[0] : args;
    connected.push(`${target.host ?? target.hostname}:${target.port}`);
    return connect.apply(this, args as Parameters<typeof connect>);
  } as typeof connect;
});
afterEach(async () => {
  net.Socket.prototype.connect = connect;
  await listener.close();
  await quiver.close();
});

async function start(overrides: Partial<ServeConfig> = {}): Promise<void> {
  quiver = await openInProcess(overrides);
  const service = { ...quiver.app, keepAliveSeconds: 30 };
  listener = await nodeRuntime.listen({ host: '127.0.0.1', port: 0, tls: undefined, ...service });
  host = `127.0.0.1:${listener.port}`;
}

/** The SDK, configured for one's own host as in its documentation. */
function sdk(options: object = {}): Json {
  return TargetClient.create({
    client: 'demo',
    organizationId: 'ABCDEF0123456789ABCDEF01@AdobeOrg',
    serverDomain: host,
    secure: false,
    timeout: 5000,
    fetchApi: (url: string, init: RequestInit) => {
      asked.push(new URL(url).host);
      return fetch(url, init);
    },
    ...options,
  });
}

const page = (profileParameters: object) => ({
  execute: { mboxes: [{ name: 'home', index: 1, profileParameters }] },
});

describe('the Node SDK in its default configuration', () => {
  beforeEach(() => start());
  afterEach(() => {
    expect(new Set(asked)).toEqual(new Set([host]));
    expect(new Set(connected)).toEqual(new Set([host]));
  });

  test('sends a visit with getOffers, and its cookie finds the same visitor again', async () => {
    const client = sdk();
    const first = await client.getOffers({ request: page({ country: 'france' }) });
    expect(first.response.status).toBe(200);
    expect(first.response.client).toBe('demo');
    expect(first.response.execute.mboxes).toEqual([expect.objectContaining({ index: 1, name: 'home' })]);
    const { tntId } = first.response.id;
    expect(tntId).toMatch(/^[0-9a-f]{32}$/);
    expect(first.targetCookie.value).toContain(tntId);
    expect(first.targetLocationHintCookie).toBeUndefined();

    const targetCookie = first.targetCookie.value;
    const second = await client.getOffers({ request: page({ city: 'paris' }), targetCookie });
    expect(second.response.id.tntId).toBe(tntId);
    expect(await quiver.attributes(tntId)).toEqual([
      ['country', 'france'],
      ['city', 'paris'],
    ]);
    expect(asked).toHaveLength(2);
  });

  test('finds a visitor who signed in by thirdPartyId, and after a logout by the cookie', async () => {
    const client = sdk();
    const before = await client.getOffers({ request: page({ seen: 'shoes' }) });
    const targetCookie = before.targetCookie.value;
    const signedIn = { id: { thirdPartyId: 'crm-4711' }, ...page({ name: 'Anna' }) };
    const during = await client.getOffers({ request: signedIn, targetCookie });
    expect(during.response.id).toMatchObject({
      tntId: before.response.id.tntId,
      thirdPartyId: 'crm-4711',
    });
    await client.getOffers({ request: page({ last: 'logout' }), targetCookie });
    expect(await quiver.attributes('thirdPartyId/crm-4711')).toEqual([
      ['seen', 'shoes'],
      ['name', 'Anna'],
      ['last', 'logout'],
    ]);
  });

  test('prefetches, then sends notifications', async () => {
    const client = sdk();
    const prefetched = await client.getOffers({
      request: {
        prefetch: { mboxes: [{ name: 'home', index: 0 }], views: [{}], pageLoad: {} },
      },
    });
    expect(prefetched.response.prefetch.mboxes[0].name).toBe('home');
    const notified = await client.sendNotifications({
      targetCookie: prefetched.targetCookie.value,
      request: {
        notifications: [
          {
            id: 'n1',
            type: 'display',
            timestamp: Date.now(),
            impressionId: 'i1',
            mbox: { name: 'home' },
            profileParameters: { shown: 'home' },
          },
        ],
      },
    });
    expect(notified.response.notifications).toEqual([expect.objectContaining({ id: 'n1' })]);
    expect(await quiver.attributes(prefetched.response.id.tntId)).toEqual([['shown', 'home']]);
  });

  test('sends an ECID and customer ids', async () => {
    const customerIds = [{ id: 'c1', integrationCode: 'crm', authenticatedState: 'authenticated' }];
    const request = {
      id: { marketingCloudVisitorId: '38279142358174', customerIds },
      ...page({ a: '1' }),
    };
    const { response } = await sdk().getOffers({ request });
    expect(response.id).toMatchObject({ marketingCloudVisitorId: '38279142358174', customerIds });
    expect(await quiver.attributes('marketingCloudVisitorId/38279142358174')).toEqual([['a', '1']]);
  });

  test('reports a refusal to its caller as an error with the message', async () => {
    const request = { id: { thirdPartyId: 'a+b' }, ...page({}) };
    await expect(sdk().getOffers({ request })).rejects.toThrow();
  });
});

test('with hints by cluster still calls this server', async () => {
  await start({ locationHint: 'cluster', cluster: 28, node: 20 });
  const client = sdk();
  const first = await client.getOffers({ request: page({ a: '1' }) });
  expect(first.response.id.tntId).toMatch(/\.28$/);
  await client.getOffers({ request: page({ b: '2' }), targetCookie: first.targetCookie.value });
  expect(new Set(asked)).toEqual(new Set([host]));
  expect(new Set(connected)).toEqual(new Set([host]));
});

test("with Adobe's hints sends its second call to another host, which is why they are off", async () => {
  await start({ locationHint: 'adobe', cluster: 28, node: 20 });
  const held = (url: string, init: RequestInit) => {
    asked.push(new URL(url).host);
    return fetch(url.replace(/\/\/[^/]+/, `//${host}`), init);
  };
  const client = sdk({ fetchApi: held });
  const first = await client.getOffers({ request: page({ a: '1' }) });
  expect(first.targetLocationHintCookie.value).toBe('28');
  await client.getOffers({ request: page({ b: '2' }), targetCookie: first.targetCookie.value });
  expect(asked).toEqual([host, 'mboxedge28.tt.omtrdc.net']);
  expect(await quiver.attributes(first.response.id.tntId)).toEqual([
    ['a', '1'],
    ['b', '2'],
  ]);
});
