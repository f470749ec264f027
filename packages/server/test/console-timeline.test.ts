/** The timeline of a profile in the console, and where its attributes came from, in a browser. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { hasBrowser, launchBrowser, lookAt } from './browser.ts';
import { type Quiver, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const FLAGS = ['--workers', '1', '--log-level', 'error'];
/** More changes than one call reads. */
const MANY = 110_000;

let quiver: Quiver;
let browser: Browser;
let context: BrowserContext;
let page: Page;

describe.skipIf(!hasBrowser('console-timeline.test.ts'))('the timeline in a browser', () => {
  beforeAll(async () => {
    quiver = await startQuiver({ flags: FLAGS });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await quiver?.stop();
  });
  beforeEach(() => openPage(1280));
  afterEach(() => context.close());

  test.each([1280, 400])('says what wrote each attribute last, %i pixels wide', async (width) => {
    await context.close();
    await openPage(width);
    const person = `p${width}`;
    await ask('PUT', '/demo/target/scripts/tier', { script: "return 'gold';" });
    await visit({ tntId: `device${width}` }, { country: 'france', plan: 'none' });
    await visit({ thirdPartyId: person }, { city: 'paris' });
    await visit({ thirdPartyId: person, tntId: `device${width}` });
    await update({ mbox3rdPartyId: person }, { plan: 'silver' });
    await applied('batches?version=v2', `batch=thirdPartyId,size\n${person},L\n`);
    await applied('customer-attributes/crm?ids=thirdPartyId', `id,age\n${person},47\n`);
    await signIn(`profiles?id=${person}`);
    await page.getByRole('button', { name: 'Add attribute' }).click();
    await page.getByRole('combobox', { name: 'Name' }).fill('note');
    await page.getByLabel('Value', { exact: true }).fill('called');
    await page.getByRole('button', { name: 'Save' }).click();
    await originIs('note', 'console');
    await originIs('country', 'visit');
    await originIs('city', 'visit');
    await originIs('plan', 'update');
    await originIs('size', 'batch row');
    await originIs('user.tier', 'script');
    await page.getByRole('row', { name: '47' }).getByText('customer file').waitFor();
    const [first, ...rest] = await timelineRows();
    expect(first).toContain('Changed note');
    for (const words of ['Merged with the profile of tntId', 'Changed plan', 'Changed size', 'Created with'])
      expect(rest.join('\n')).toContain(words);
    await page.getByText('The change feed begins').waitFor();
    await lookAt(page, 'a timeline');
    await ask('DELETE', '/demo/target/scripts/tier');
  });

  test('follows what others write while it is open', async () => {
    await visit({ tntId: 'open' }, { country: 'france' });
    await signIn('profiles?id=open');
    await originIs('country', 'visit');
    await update({ mboxPC: 'open' }, { country: 'spain', 'hidden\u202e': '1' });
    await originIs('country', 'update');
    const rows = await timelineRows();
    expect(rows).toHaveLength(2);
    expect(rows[0]).toContain('hidden\\u202e');
    expect(await page.locator('body').textContent()).not.toContain('\u202e');
  });

  test('shows the earlier changes of a profile with many', async () => {
    await visit({ tntId: 'busy' }, { first: '1' });
    for (let n = 0; n < 120; n += 1) await update({ mboxPC: 'busy' }, { count: String(n) });
    await signIn('profiles?id=busy');
    await originIs('count', 'update');
    await originIs('first', 'unknown');
    expect(await timelineRows()).toHaveLength(100);
    await page.getByRole('button', { name: 'Show earlier changes' }).click();
    await originIs('first', 'visit');
    expect(await timelineRows()).toHaveLength(121);
    await page.getByText('The change feed begins').waitFor();
    await update({ mboxPC: 'busy' }, { count: 'later' });
    await page.locator('td.value', { hasText: 'later' }).waitFor();
    await until('the new change is listed too', async () => (await timelineRows()).length === 122);
    await originIs('first', 'visit');
  });

  test('says how far it has searched a large feed, and searches further back when asked', async () => {
    await visit({ tntId: 'quiet' }, { country: 'france' });
    const rows = Array.from({ length: MANY }, (_, n) => `m${n},1`);
    await applied('batches?version=v2', `batch=pcId,x\n${rows.join('\n')}\n`);
    await signIn('profiles?id=quiet');
    await page.getByText(/No change of this profile was found. Searched back to/).waitFor();
    await originIs('country', 'unknown');
    await lookAt(page, 'a timeline searched in part');
    await page.getByRole('button', { name: 'Search further back' }).click();
    await originIs('country', 'visit');
    expect(await timelineRows()).toHaveLength(1);
  });

  test('is not there without a feed, and what is older than the feed is unknown', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'quiver-timeline-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    const shared = quiver;
    onTestFinished(() => {
      quiver = shared;
    });
    quiver = await startQuiver({ flags: [...FLAGS, '--changes', 'off'], dataDir });
    await visit({ tntId: 'old' }, { country: 'france' });
    await signIn('profiles?id=old');
    await page.getByRole('rowheader', { name: 'country' }).waitFor();
    await page.getByRole('heading', { name: 'What a fetch returns' }).waitFor();
    await page.waitForLoadState('networkidle');
    expect(await page.getByRole('heading', { name: 'Timeline' }).count()).toBe(0);
    expect(await page.getByRole('columnheader', { name: 'Written by' }).count()).toBe(0);
    await quiver.stop();
    quiver = await startQuiver({ flags: FLAGS, dataDir });
    await update({ mboxPC: 'old' }, { plan: 'gold' });
    await signIn('profiles?id=old');
    await originIs('plan', 'update');
    await originIs('country', 'unknown');
    expect(await page.getByTitle('The change feed has no such change any more').count()).toBe(2);
    await quiver.stop();
  });
});

async function openPage(width: number): Promise<void> {
  context = await browser.newContext({ viewport: { width, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
}

async function signIn(path: string): Promise<void> {
  await context.clearCookies();
  await page.goto(`${quiver.url}/console/demo/${path}`);
  await page.getByLabel('Admin token').fill(quiver.adminToken);
  await page.keyboard.press('Enter');
}

/** Waits until an attribute's row says how it was written. */
async function originIs(name: string, origin: string): Promise<void> {
  const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
  await row.getByText(origin, { exact: true }).waitFor();
}

function timelineRows(): Promise<string[]> {
  const table = page.getByRole('table', { name: 'Changes of this profile, newest first' });
  return table.locator('tbody tr').allInnerTexts();
}

async function ask(method: string, path: string, body?: object): Promise<void> {
  const headers = { authorization: `Bearer ${quiver.adminToken}` };
  const reply = await fetch(`${quiver.url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  expect(reply.ok, await reply.text()).toBe(true);
}

async function visit(id: object, profileParameters: Record<string, string> = {}): Promise<void> {
  const mboxes = [{ index: 0, name: 'm', profileParameters }];
  const body = JSON.stringify({ id, context: { channel: 'web' }, execute: { mboxes } });
  const reply = await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, {
    method: 'POST',
    body,
  });
  expect(reply.status).toBe(200);
}

async function update(id: Record<string, string>, attributes: Record<string, string>): Promise<void> {
  const body = new URLSearchParams(id);
  for (const [name, value] of Object.entries(attributes)) body.set(`profile.${name}`, value);
  const reply = await fetch(`${quiver.url}/m2/demo/profile/update`, { method: 'POST', body });
  expect(await reply.text()).toContain('<success>true</success>');
}

/** Sends a file and waits until it is applied. */
async function applied(path: string, body: string): Promise<void> {
  const headers = { authorization: `Bearer ${quiver.adminToken}` };
  const sent = await fetch(`${quiver.url}/demo/target/${path}`, { method: 'POST', headers, body });
  const { batchId } = (await sent.json()) as { batchId: string };
  await until('the file is applied', async () => {
    const reply = await fetch(`${quiver.url}/demo/target/batches/${batchId}`, { headers });
    return ((await reply.json()) as { state: string }).state === 'complete';
  });
}
