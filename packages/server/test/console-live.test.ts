/** Home in a real browser: everything over one connection, and what happens when that breaks. */

import type { Browser, BrowserContext, Page, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from './browser.ts';
import { type Quiver, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const LIVE = '**/demo/target/live*';
const LIVE_ROUTE = '/{client}/target/live';
/** Longer than any interval at which a page of the console polls, in seconds. */
const LONGER_THAN_POLLS = 12;

let quiver: Quiver;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** The paths that {@link page} has requested since it was opened, the stream as `stream`. */
let requested: string[] = [];

describe.skipIf(!hasBrowser('console-live.test.ts'))('Home in a browser', () => {
  beforeAll(async () => {
    quiver = await startQuiver({ flags: ['--workers', '1', '--journal', '1000', '--log-level', 'error'] });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await quiver?.stop();
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    page = await newPage();
    requested = [];
    page.on('request', (request) => requested.push(nameOf(request)));
  });
  afterEach(() => context.close());

  test('shows calls, batches, usage and store over one connection, and asks for nothing else', async () => {
    const before = await served();
    await signIn(page);
    await shown('visits');
    const opened = await served();
    expect(opened.get(LIVE_ROUTE)! - (before.get(LIVE_ROUTE) ?? 0)).toBe(1);
    await visit('seen-at-once');
    await page.getByRole('link', { name: 'seen-at-once', exact: true }).waitFor();
    await until('the usage card follows', async () => (await mboxCalls()) === 2);
    await upload();
    await page.getByRole('row', { name: 'Complete, 1 failed' }).first().waitFor();
    await fetch(`${quiver.url}/rest/v1/profiles/nobody-live?client=demo`);
    await page.getByRole('row', { name: 'nobody-live' }).first().waitFor();
    const start = await secondsCovered(page);
    await until(
      'the page was open for longer than any poll',
      async () => (await secondsCovered(page)) >= start + LONGER_THAN_POLLS,
    );
    const after = await served();
    for (const [route, calls] of opened) if (after.get(route) === calls) after.delete(route);
    // What the test itself has called.
    expect([...after.keys()].sort()).toEqual([
      '/m2/{client}/v2/profile/batchUpdate',
      '/metrics',
      '/rest/v1/delivery',
      '/rest/v1/profiles/{tntId}',
    ]);
    expect(requested.filter((name) => name === 'stream')).toHaveLength(1);
  });

  test.each<[string, (route: Route) => Promise<void>]>([
    ['is refused', (route) => route.abort()],
    ['is answered with a 503', (route) => route.fulfill({ status: 503, body: 'none' })],
    ['sends nothing, as behind a proxy that collects', async () => {}],
    [
      'ends after an event',
      (route) =>
        route.fulfill({
          contentType: 'text/event-stream',
          body: `event: live\ndata: ${JSON.stringify({ at: new Date().toISOString() })}\n\n`,
        }),
    ],
  ])('polls while the stream %s, and stops when it is back', async (what, answer) => {
    await page.route(LIVE, (route) => (isStream(route.request()) ? answer(route) : route.continue()));
    await signIn(page);
    await shown('visits');
    const name = `polled-${what.length}`;
    await visit(name);
    await page.getByRole('link', { name, exact: true }).waitFor();
    expect(requested.filter((one) => one === '/demo/target/live').length).toBeGreaterThan(0);
    const back = page.waitForResponse(async (response) => isStream(response.request()) && response.ok());
    await page.unroute(LIVE);
    await back;
    await visit(`${name}-again`);
    await page.getByRole('link', { name: `${name}-again`, exact: true }).waitFor();
    await until('the page polls no more', async () => {
      const start = await secondsCovered(page);
      requested = [];
      await until('some seconds have passed', async () => (await secondsCovered(page)) >= start + 5);
      return requested.length === 0;
    });
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('holds no connection and polls nothing while its tab is hidden, and connects when it is shown', async () => {
    await signIn(page);
    await shown('visits');
    const clock = await newPage();
    await clock.goto(`${quiver.url}/console/demo/home`);
    await until('the other page is live', async () => (await secondsCovered(clock)) > 0);
    const ended = page.waitForEvent('requestfailed', isStream);
    await show(false);
    await ended;
    requested = [];
    const start = await secondsCovered(clock);
    await visit('while-hidden');
    await until('a while has passed', async () => (await secondsCovered(clock)) >= start + LONGER_THAN_POLLS);
    expect(requested).toEqual([]);
    expect(await page.getByRole('link', { name: 'while-hidden', exact: true }).count()).toBe(0);
    await show(true);
    await page.getByRole('link', { name: 'while-hidden', exact: true }).waitFor();
    expect(requested.filter((name) => name === 'stream')).toHaveLength(1);
    await page.getByRole('link', { name: 'Profiles', exact: true }).click();
    await page.getByRole('heading', { name: 'Written last' }).waitFor();
    expect(requested).not.toContain('/demo/target/live');
  });

  test('asks to sign in again when the session has ended', async () => {
    await signIn(page);
    await shown('visits');
    await context.clearCookies();
    await page.reload();
    await page.getByLabel('Admin token').fill(quiver.adminToken);
    await page.keyboard.press('Enter');
    await shown('visits');
    const session = (await context.cookies())[0]!;
    const csrf = await page.evaluate("fetch('/console/session').then((it) => it.json())");
    const headers = {
      cookie: `${session.name}=${session.value}`,
      'x-quiver-csrf': (csrf as { csrfToken: string }).csrfToken,
    };
    const left = await fetch(`${quiver.url}/console/session`, { method: 'DELETE', headers });
    expect(left.status).toBe(204);
    await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
    await page.getByLabel('Admin token').fill(quiver.adminToken);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your session has ended' }).waitFor({ state: 'detached' });
    await visit('after-signing-in');
    await page.getByRole('link', { name: 'after-signing-in', exact: true }).waitFor();
  });
});

async function newPage(): Promise<Page> {
  const opened = await context.newPage();
  opened.setDefaultTimeout(30_000);
  return opened;
}

interface Asked {
  url(): string;
  headers(): Record<string, string>;
}

const isStream = (request: Asked) => request.headers().accept === 'text/event-stream';

const nameOf = (request: Asked) => (isStream(request) ? 'stream' : new URL(request.url()).pathname);

async function signIn(at: Page): Promise<void> {
  await at.goto(`${quiver.url}/console/demo/home`);
  await at.getByLabel('Admin token').fill(quiver.adminToken);
  await at.keyboard.press('Enter');
  await at.getByRole('button', { name: 'Sign out' }).waitFor();
}

/** Waits until the page shows figures of some time. */
async function shown(visitor: string): Promise<void> {
  await visit(visitor);
  await until('the page shows figures', async () => (await secondsCovered(page)) > 0);
}

/** How many seconds the figures on a page cover; it grows up to 60 while the page is up to date. */
async function secondsCovered(at: Page): Promise<number> {
  const note = at.getByText(/^last \d+ seconds, all clients$/);
  const text = (await note.count()) === 0 ? null : await note.textContent();
  return Number(/\d+/.exec(text ?? '')?.[0] ?? 0);
}

/** The calls in the title of the first chart; 0 when there is none. */
async function mboxCalls(): Promise<number> {
  const chart = page.getByRole('img', { name: /^Mbox calls: / });
  const label = (await chart.count()) === 0 ? null : await chart.getAttribute('aria-label');
  return Number(/^Mbox calls: (\d+)/.exec(label ?? '')?.[1] ?? 0);
}

/** Hides the tab or shows it again, as far as its scripts can see. */
async function show(isShown: boolean): Promise<void> {
  const state = JSON.stringify(isShown ? 'visible' : 'hidden');
  await page.evaluate(
    `Object.defineProperty(document, 'visibilityState', { value: ${state}, configurable: true });
     document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))`,
  );
}

async function visit(tntId: string): Promise<void> {
  const execute = { mboxes: [{ index: 0, name: 'home' }] };
  const body = JSON.stringify({ id: { tntId }, context: { channel: 'web' }, execute });
  const path = '/rest/v1/delivery?client=demo&sessionId=s';
  expect((await fetch(`${quiver.url}${path}`, { method: 'POST', body })).status).toBe(200);
}

async function upload(): Promise<void> {
  const body = 'batch=thirdPartyId,plan\none,gold\n,nobody\n';
  const path = '/m2/demo/v2/profile/batchUpdate';
  expect((await fetch(`${quiver.url}${path}`, { method: 'POST', body })).status).toBe(200);
}

/** How many calls the server has answered, by route. */
async function served(): Promise<Map<string, number>> {
  const text = await (await fetch(`${quiver.url}/metrics`)).text();
  const calls = new Map<string, number>();
  for (const [, labels = '', value] of text.matchAll(/^http_requests_total\{(.*)\} (\d+)$/gm)) {
    const route = /route="([^"]*)"/.exec(labels)![1]!;
    calls.set(route, (calls.get(route) ?? 0) + Number(value));
  }
  return calls;
}
