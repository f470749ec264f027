/**
 * Difficult situations for the console, in a real browser: hostile text, changes by others,
 * sessions that end, lost focus.
 */

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser, lookAt } from './browser.ts';
import { type Quiver, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

/** Reverses the direction of the text that follows. */
const RLO = '\u202e';
const ZERO_WIDTH = '\u200b';
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e]/;
const FLAGS = ['--workers', '1', '--journal', '1000', '--log-level', 'error'];

let quiver: Quiver;
let browser: Browser;
let context: BrowserContext;
let page: Page;

describe.skipIf(!hasBrowser('console-care.test.ts'))('the console in a browser', () => {
  beforeAll(async () => {
    quiver = await startQuiver({ flags: FLAGS });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await quiver?.stop();
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    page = await context.newPage();
    page.setDefaultTimeout(30_000);
  });
  afterEach(() => context.close());

  test('does not let text from outside reorder or hide what is beside it, on any page', async () => {
    const customerIds = [
      { id: `c${RLO}1`, integrationCode: `cr${ZERO_WIDTH}m`, authenticatedState: 'authenticated' },
    ];
    await visit({ tntId: 'hostile', customerIds }, { parameters: { 'user.categoryId': `sh${RLO}oes` } });
    await applied(`customer-attributes/${encodeURIComponent(`cr${ZERO_WIDTH}m`)}`, {
      file: `id,ti${RLO}er\nc${RLO}1,go${RLO}ld\n`,
      as: { authorization: `Bearer ${quiver.adminToken}` },
    });
    await fetch(`${quiver.url}/m2/demo/v2/profile/batchUpdate`, {
      method: 'POST',
      body: `batch=thirdPartyId,plan\nr${RLO}ow,5%\n`,
    });
    await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/${encodeURIComponent(`no${RLO}ne`)}`);
    await open('profiles?id=hostile');
    await page.getByText('Affinity for sh\\u202eoes').waitFor();
    await page.getByRole('cell', { name: 'go\\u202eld' }).waitFor();
    expect(await shownText()).not.toMatch(INVISIBLE);
    await open('home');
    await page.getByRole('cell', { name: 'third party id=no\\u202ene' }).waitFor();
    expect(await shownText()).not.toMatch(INVISIBLE);
    await page.getByRole('row', { name: 'no\\u202ene' }).getByRole('button').click();
    await heading('The call in full').waitFor();
    expect(await shownText()).not.toMatch(INVISIBLE);
    await open('batches');
    await page.getByRole('row', { name: 'Complete, 1 failed' }).getByRole('link').click();
    await page.getByRole('cell', { name: 'r\\u202eow' }).waitFor();
    expect(await shownText()).not.toMatch(INVISIBLE);
  });

  test('lets an id with invisible characters be typed to delete its profile', async () => {
    await visit({ thirdPartyId: `gone${RLO}` });
    await open(`profiles?id=${encodeURIComponent(`gone${RLO}`)}`);
    await page.getByRole('button', { name: 'Delete profile' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').fill('gone\\u202e');
    await dialog.getByRole('button', { name: 'Delete profile' }).click();
    await heading('No profile').waitFor();
  });

  test('keeps its width when a name is long', async () => {
    await visit({ tntId: 'wide' });
    await update('wide', { ['W'.repeat(128)]: 'w'.repeat(20_000) });
    await open('profiles?id=wide');
    await page.getByRole('rowheader', { name: 'W'.repeat(128) }).waitFor();
    await lookAt(page, 'a long name');
  });

  test('keeps the line ends of a value that is changed', async () => {
    await visit({ tntId: 'lines' });
    await update('lines', { address: 'Rue 1\nParis' });
    await open('profiles?id=lines');
    await page.getByRole('button', { name: 'Change address' }).click();
    await page.getByLabel('Value', { exact: true }).press('Control+End');
    await page.keyboard.type('!');
    await lookAt(page, 'a value of two lines');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.locator('td.value', { hasText: 'Paris!' }).waitFor();
    expect(await attributeValue('lines', 'address')).toBe('Rue 1\nParis!');
  });

  test('asks before it replaces a value that somebody else has changed meanwhile', async () => {
    await visit({ tntId: 'busy' });
    await update('busy', { plan: 'gold' });
    await open('profiles?id=busy');
    await page.getByRole('button', { name: 'Change plan' }).click();
    await page.getByLabel('Value', { exact: true }).fill('mine');
    await update('busy', { plan: 'theirs' });
    await page.getByText('has been changed meanwhile').waitFor();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: 'Replace its value' }).waitFor();
    expect(await attributeValue('busy', 'plan')).toBe('theirs');
    await page.getByRole('button', { name: 'Replace its value' }).click();
    await page.locator('td.value', { hasText: 'mine' }).waitFor();
    expect(await attributeValue('busy', 'plan')).toBe('mine');
  });

  test('moves the focus to an opened call; Escape closes it and returns to its row', async () => {
    for (let n = 0; n < 30; n += 1) await fetch(`${quiver.url}/rest/v1/profiles/call${n}?client=demo`);
    await open('requests');
    const row = page.getByRole('button', { name: 'call25', exact: false });
    await row.click();
    await heading('The call in full').waitFor();
    const top = (await heading('The call in full').boundingBox())!.y;
    expect(top).toBeGreaterThanOrEqual(0);
    expect(top).toBeLessThan(900);
    await page.keyboard.press('Escape');
    await heading('The call in full').waitFor({ state: 'detached' });
    expect(await focusedText()).toContain('call25');
  });

  test('keeps the focus in the pager on its last page', async () => {
    await visit({ tntId: 'paged' });
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`a${n}`, String(n)]));
    await update('paged', many);
    await open('profiles?id=paged');
    await page.getByText('1 to 100 of 103').waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('101 to 103 of 103').waitFor();
    await until('the focus is in the pager', async () => (await focusedText()) === 'Previous');
  });

  test('asks to sign in when a file is sent after the session ended, and keeps the file', async () => {
    await open('batches');
    const chosen = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Choose a file' }).click();
    const buffer = Buffer.from('batch=thirdPartyId,plan\nsent,gold\n');
    await (await chosen).setFiles({ name: 'a.batch', mimeType: 'text/plain', buffer });
    await page.getByText('The file is well formed.').waitFor();
    // Only the upload of the file reveals that the session has ended.
    await page.route('**/demo/target/**', (route) =>
      route.request().method() === 'GET' ? route.abort() : route.continue(),
    );
    await context.clearCookies();
    await page.getByRole('button', { name: 'Send 1 row' }).click();
    await heading('Your session has ended').waitFor();
    await page.unroute('**/demo/target/**');
    await page.getByLabel('Admin token').fill(quiver.adminToken);
    await page.keyboard.press('Enter');
    await heading('Your session has ended').waitFor({ state: 'detached' });
    expect(await shownText()).not.toContain('QUIVER_TOKEN');
    await page.getByRole('button', { name: 'Send 1 row' }).click();
    await page.getByText('1 of 1 row').waitFor();
  });

  test('shows no API message after a setting is saved and the session has ended', async () => {
    await open('implementation');
    await page.getByLabel('Profile lifetime, in days', { exact: true }).fill('33');
    await context.clearCookies();
    await page.getByRole('button', { name: 'Save Profile lifetime, in days' }).click();
    await heading('Your session has ended').waitFor();
    await page.getByLabel('Admin token').fill(quiver.adminToken);
    await page.keyboard.press('Enter');
    await heading('Your session has ended').waitFor({ state: 'detached' });
    expect(await shownText()).not.toContain('QUIVER_TOKEN');
    await page.getByRole('button', { name: 'Save Profile lifetime, in days' }).click();
    await page.getByText('Saved.').waitFor();
  });

  test('chooses whether a fetch shows customer attributes, by keyboard, on a narrow page', async () => {
    await page.setViewportSize({ width: 320, height: 800 });
    await visit({ thirdPartyId: 'crm-1' });
    await applied('customer-attributes/loyalty?ids=thirdPartyId', {
      file: 'id,tier\ncrm-1,gold\n',
      as: { authorization: `Bearer ${quiver.adminToken}` },
    });
    const fetched = () => attributeValue('thirdPartyId/crm-1', 'crs.loyalty.tier');
    expect(await fetched()).toBeUndefined();
    await open('implementation');
    const choice = page.getByRole('combobox', { name: 'Customer attributes' });
    expect(await choice.inputValue()).toBe('false');
    await choice.focus();
    await page.keyboard.press('ArrowDown');
    await page.getByText('Saved.').waitFor();
    await lookAt(page, 'the setting for customer attributes');
    expect(await fetched()).toBe('gold');
    await page.reload();
    await choice.waitFor();
    expect(await choice.inputValue()).toBe('true');
    await choice.selectOption('false');
    await page.getByText('Saved.').waitFor();
    expect(await fetched()).toBeUndefined();
  });

  test('says that the server does not answer when figures get no reply', async () => {
    await open('home');
    await page.getByText('Calls per second').waitFor();
    await page.route('**/demo/target/live*', (route) => route.abort());
    await page.reload();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toContain('The server does not answer');
  });
});

const heading = (name: string) => page.getByRole('heading', { name, exact: true });

async function open(path: string): Promise<void> {
  await page.goto(`${quiver.url}/console/demo/${path}`);
  const signOut = page.getByRole('button', { name: 'Sign out' });
  await page.getByLabel('Admin token').or(signOut).waitFor();
  if (await signOut.isVisible()) return;
  await page.getByLabel('Admin token').fill(quiver.adminToken);
  await page.keyboard.press('Enter');
  await signOut.waitFor();
}

function shownText(): Promise<string | null> {
  return page.locator('body').textContent();
}

function focusedText(): Promise<string> {
  return page.evaluate("document.activeElement?.textContent ?? ''");
}

async function visit(id: object, pageLoad: object = { profileParameters: { country: 'france' } }) {
  const body = JSON.stringify({ id, context: { channel: 'web' }, execute: { pageLoad } });
  const path = '/rest/v1/delivery?client=demo&sessionId=s';
  expect((await fetch(`${quiver.url}${path}`, { method: 'POST', body })).status).toBe(200);
}

async function update(mboxPC: string, attributes: Record<string, string>): Promise<void> {
  const body = new URLSearchParams({ mboxPC });
  for (const [name, value] of Object.entries(attributes)) body.set(`profile.${name}`, value);
  const reply = await fetch(`${quiver.url}/m2/demo/profile/update`, { method: 'POST', body });
  expect(await reply.text()).toContain('<success>true</success>');
}

/** Uploads customer attributes and waits until they are set. */
async function applied(path: string, sent: { file: string; as: Record<string, string> }): Promise<void> {
  const accepted = await fetch(`${quiver.url}/demo/target/${path}`, {
    ...{ method: 'POST', headers: sent.as, body: sent.file },
  });
  const { status } = (await accepted.json()) as { status: string };
  await until('the file is applied', async () => {
    const batch = (await (await fetch(status, { headers: sent.as })).json()) as { state: string };
    return batch.state === 'complete';
  });
}

async function attributeValue(tntId: string, name: string): Promise<string | undefined> {
  const reply = await fetch(`${quiver.url}/rest/v1/profiles/${tntId}?client=demo`);
  type Fetched = { profileAttributes: Record<string, { value: string }> };
  return ((await reply.json()) as Fetched).profileAttributes[name]?.value;
}
