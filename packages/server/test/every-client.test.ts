/**
 * The clients that sites use, unmodified or with requests built as in their public source, against
 * one started server: a page in a browser, a phone, today's Node SDK and its predecessor, an old
 * mbox call, a connector (contract section 12). What all of them report of one person is one
 * profile.
 */

import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Frame, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from './browser.ts';
import type { Json } from './in-process.ts';
import { type Quiver, startQuiver } from './start-quiver.ts';

const TargetClient: Json = createRequire(import.meta.url)('@adobe/target-nodejs-sdk');

let quiver: Quiver;
beforeAll(async () => {
  quiver = await startQuiver({ flags: ['--workers', '1', '--log-level', 'error'] });
});
afterAll(() => quiver?.stop());

/** Names and values of a profile without `firstSessionStart`. */
async function attributes(path: string): Promise<Record<string, string>> {
  const answer = await fetch(`${quiver.url}/rest/v1/profiles/${path}?client=demo`);
  expect(answer.status, path).toBe(200);
  const { profileAttributes } = (await answer.json()) as Json;
  const { firstSessionStart: _, ...others } = profileAttributes;
  return Object.fromEntries(Object.entries<Json>(others).map(([name, { value }]) => [name, value]));
}

/** The request of Adobe's Android SDK, member by member as `TargetRequestBuilder` builds it. */
async function askLikeAPhone(id: object, profileParameters: object): Promise<Json> {
  const body = {
    id: {
      ...id,
      customerIds: [{ id: 'push-1', integrationCode: 'push', authenticatedState: 'unknown' }],
    },
    context: {
      channel: 'mobile',
      mobilePlatform: { platformType: 'android', deviceName: 'Maker Model 7', deviceType: 'phone' },
      application: { id: 'com.example.shop', name: 'Shop', version: '3.1 (42)' },
      screen: { width: 1080, height: 2280, colorDepth: 32, orientation: 'portrait' },
      userAgent: 'Mozilla/5.0 (Linux; U; Android 14; en-US; Model 7 Build/1)',
      timeOffsetInMinutes: 60,
    },
    experienceCloud: { analytics: { logging: 'client_side' } },
    environmentId: 5,
    execute: {
      mboxes: [
        {
          index: 0,
          name: 'app-home',
          parameters: { 'a.AppID': 'Shop 3.1 (42)', 'a.OSVersion': 'Android 14' },
          profileParameters,
          order: { id: 'o-1', total: 12.5, purchasedProductIds: ['p1'] },
        },
      ],
    },
  };
  const answer = await fetch(`${quiver.url}/rest/v1/delivery/?client=demo&sessionId=1701473848678`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', connection: 'keep-alive' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return answer.json();
}

test('a phone may end the path in a slash and send numbers and booleans as values', async () => {
  const first = await askLikeAPhone({}, { points: 42, member: true, ratio: 0.5, plan: 'gold', none: '' });
  // The SDK reads these members of the reply.
  expect(first).toMatchObject({ id: { tntId: expect.any(String) }, execute: { mboxes: [{ index: 0 }] } });
  expect(first.execute.mboxes[0].options).toEqual([]);
  const { tntId } = first.id;
  expect((await askLikeAPhone({ tntId }, { points: 43 })).id.tntId).toBe(tntId);
  expect(await attributes(tntId)).toEqual({ member: 'true', ratio: '0.5', plan: 'gold', points: '43' });
});

test("Segment's connector fetches, then updates with an empty body and unencoded values", async () => {
  await askLikeAPhone({ thirdPartyId: 'segment-1' }, { a: '1' });
  const found = await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/segment-1?client=demo`);
  expect(found.status).toBe(200);
  const missing = await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/segment-2?client=demo`);
  expect([missing.status, ((await missing.json()) as Json).message]).toEqual([
    404,
    'No profile found for client demo with third party id=segment-2',
  ]);
  const query = 'mbox3rdPartyId=segment-1&profile.discount=20%&profile.note=100% sure, 5%x';
  const update = await fetch(`${quiver.url}/m2/demo/profile/update?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect(await update.text()).toContain('<success>true</success>');
  expect(await attributes('thirdPartyId/segment-1')).toEqual({
    a: '1',
    discount: '20%',
    note: '100% sure, 5%x',
  });
});

test('the Node client from before the SDK works with its built-in host over the certificate of --tls-dev', async () => {
  const secure = await startQuiver({
    flags: ['--tls-dev', '--workers', '1', '--log-level', 'error'],
  });
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [fileURLToPath(new URL('old-node-client.mjs', import.meta.url)), new URL(secure.url).port, 'old-1'],
      { env: { ...process.env, NODE_EXTRA_CA_CERTS: join(secure.dataDir, 'tls', 'authority.pem') } },
    );
    const { asked, answer, single } = JSON.parse(stdout);
    expect(new Set(asked)).toEqual(new Set(['demo.tt.omtrdc.net:443']));
    expect(answer.content).toEqual({
      id: { tntId: 'old-1' },
      mboxResponses: [expect.objectContaining({ mbox: 'home', content: '' })],
    });
    expect(answer.targetCookie.value).toContain('old-1');
    expect(single).toMatchObject({ tntId: 'old-1' });
    const port = new URL(secure.url).port;
    const fetched = await promisify(execFile)('curl', [
      '--silent',
      '--cacert',
      join(secure.dataDir, 'tls', 'authority.pem'),
      '--resolve',
      `demo.tt.omtrdc.net:${port}:127.0.0.1`,
      `https://demo.tt.omtrdc.net:${port}/rest/v1/profiles/old-1`,
    ]);
    expect(JSON.parse(fetched.stdout).profileAttributes).toMatchObject({
      fromOldNode: { value: 'yes' },
      single: { value: 'yes' },
    });
  } finally {
    await secure.stop();
  }
});

/** Runs in the page; a string, because a test has no types for pages. */
const AS_AT_JS = `({ url, text, contentType }) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open('POST', url, true);
  request.withCredentials = true;
  request.setRequestHeader('Content-Type', contentType);
  request.onload = () => resolve({ status: request.status, text: request.responseText });
  request.onerror = () => reject(new Error('the browser refused the answer'));
  request.send(text);
})`;

describe.skipIf(!hasBrowser('every-client.test.ts'))('a page of another origin in Chromium', () => {
  let browser: Browser;
  let site: Server;
  let page: Page;
  beforeAll(async () => {
    browser = await launchBrowser();
    site = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Shop</title>');
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    page = await browser.newPage();
    await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  /** Sends a request like at.js: XMLHttpRequest, with credentials. */
  const askFrom = (from: Page | Frame, body: object, type: string, query = '') =>
    from.evaluate(
      `(${AS_AT_JS})(${JSON.stringify({
        url: `${quiver.url}/rest/v1/delivery?client=demo&sessionId=s1&version=2.11.4${query}`,
        text: JSON.stringify({ context: { channel: 'web' }, ...body }),
        contentType: type,
      })})`,
    ) as Promise<{ status: number; text: string }>;
  const pageLoad = (profileParameters: object) => ({ execute: { pageLoad: { profileParameters } } });

  test('has one visitor over two page views, whether a preflight is sent or not', async () => {
    const first = await askFrom(page, pageLoad({ seen: 'shoes' }), 'text/plain');
    expect(first.status).toBe(200);
    const { tntId } = JSON.parse(first.text).id;
    const body = { id: { tntId }, ...pageLoad({ seen: 'hats', visits: 2 }) };
    const second = await askFrom(page, body, 'application/json; charset=UTF-8');
    expect(JSON.parse(second.text).id.tntId).toBe(tntId);
    expect(await attributes(tntId)).toEqual({ seen: 'hats', visits: '2' });
  });

  test('can read a refusal', async () => {
    const refused = await askFrom(page, pageLoad({ a: null }), 'text/plain');
    expect([refused.status, JSON.parse(refused.text).message]).toEqual([
      400,
      'execute.pageLoad.profileParameters: the value of "a" must be a string, a number, true or false',
    ]);
  });

  test('may call even without an origin of its own', async () => {
    await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<title>no origin</title>"></iframe>');
    const frame = page.frames().find((candidate) => candidate !== page.mainFrame())!;
    expect(await frame.evaluate('window.origin')).toBe('null');
    const answer = await askFrom(frame, pageLoad({ a: '1' }), 'application/json');
    expect(answer.status).toBe(200);
  });

  test('may not read a profile', async () => {
    const read = page.evaluate(
      (url) => fetch(url, { credentials: 'include' }).then(({ status }) => status),
      `${quiver.url}/rest/v1/profiles/thirdPartyId/segment-1?client=demo`,
    );
    await expect(read).rejects.toThrow('Failed to fetch');
  });

  test('a page, a phone, the Node SDK and an old mbox call that report one person share one profile', async () => {
    const person = { thirdPartyId: 'everywhere' };
    const onPage = await askFrom(page, { id: person, ...pageLoad({ page: '1' }) }, 'text/plain');
    const { tntId } = JSON.parse(onPage.text).id;
    await askLikeAPhone(person, { phone: 2 });
    const sdk = TargetClient.create({
      client: 'demo',
      organizationId: 'ABCDEF0123456789ABCDEF01@AdobeOrg',
      serverDomain: new URL(quiver.url).host,
      secure: false,
      telemetryEnabled: false,
    });
    await sdk.getOffers({
      request: {
        id: person,
        execute: { mboxes: [{ name: 'home', index: 0, profileParameters: { node: '3' } }] },
      },
    });
    const old = `mbox=target-global-mbox&mboxSession=s1&mboxPC=${tntId}&mboxHost=shop.example&profile.mbox=4`;
    const answer = await fetch(`${quiver.url}/m2/demo/mbox/json?${old}`);
    expect(await answer.json()).toEqual({ sessionId: 's1', tntId, offers: [] });
    expect(await attributes('thirdPartyId/everywhere')).toEqual({
      page: '1',
      phone: '2',
      node: '3',
      mbox: '4',
    });
    expect(await attributes(tntId)).toEqual(await attributes('thirdPartyId/everywhere'));
  });

  test('a browser that has opted out is not stored', async () => {
    const context = await browser.newContext();
    const visitor = await context.newPage();
    await visitor.goto(`${quiver.url}/optout`);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ name: 'disableClient', value: 'true' });
    // Browsers limit it to 400 days.
    expect(cookie!.expires - Date.now() / 1000).toBeGreaterThan(390 * 86_400);
    // Same-site, because over plain http no cookie is sent to another site.
    const answer = await askFrom(
      visitor,
      { id: { tntId: 'opted-out' }, ...pageLoad({ a: '1' }) },
      'text/plain',
    );
    expect(JSON.parse(answer.text)).toMatchObject({ status: 200, id: { tntId: 'opted-out' } });
    const kept = await fetch(`${quiver.url}/rest/v1/profiles/opted-out?client=demo`);
    expect(kept.status).toBe(404);
    await context.close();
  });
});
