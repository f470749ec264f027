/**
 * The Requests page of the console in a real browser, for a sandbox and for a server (contract
 * sections 11 and 13).
 */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { RunningSandbox } from '../src/sandbox/public-types.ts';
import { startSandbox } from '../src/sandbox/start-sandbox.ts';
import { hasBrowser, launchBrowser, lookAt } from './browser.ts';
import { startQuiver } from './start-quiver.ts';

const run = promisify(execFile);
const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));
const VITEST = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));
const TOKEN = 'an-admin-token-for-tests';
const SEED = [{ thirdPartyId: "crm-'1", attributes: { plan: 'gold' } }];

let browser: Browser;
let context: BrowserContext;
let page: Page;

describe.skipIf(!hasBrowser('requests-page.test.ts'))('the requests page in a browser', () => {
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
  });
  afterEach(async () => {
    await context.close();
  });

  async function signIn(url: string, token: string, width = 1280): Promise<void> {
    context = await browser.newContext({ viewport: { width, height: 900 } });
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
    page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(`${url}/console/`);
    await page.getByLabel('Admin token').fill(token);
    await page.keyboard.press('Enter');
  }
  const row = (text: string) => page.getByRole('row').filter({ hasText: text });
  const copied = async (button: string) => {
    await page.getByRole('button', { name: button }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBeTruthy();
    const text = String(await page.evaluate('navigator.clipboard.readText()'));
    await page.evaluate("navigator.clipboard.writeText('')");
    return text;
  };

  describe.each([1280, 400])('for a sandbox, %d pixels wide,', (width) => {
    let quiver: RunningSandbox;
    beforeEach(async () => {
      quiver = await startSandbox({ adminToken: TOKEN, seed: SEED });
      await signIn(quiver.url, TOKEN, width);
      await page.getByRole('heading', { name: 'Requests' }).waitFor();
    });
    afterEach(() => quiver.close());

    const update = (id: string, plan: string, client = 'demo') =>
      fetch(`${quiver.url}/m2/${client}/profile/update`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          authorization: 'Bearer hidden-secret',
        },
        body: new URLSearchParams({ mbox3rdPartyId: id, 'profile.plan': plan }),
      });

    test('opens first, and shows calls as they arrive with what they changed or why they failed', async () => {
      await page.getByText('No call yet.').waitFor();
      await update("crm-'1", 'black');
      await update('nobody', 'black');
      // A client that is first named while the page is open.
      await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/crm-'1?client=acme`);
      await row('acme').waitFor();
      expect(await row("crm-'1").filter({ hasText: 'updated plan' }).count()).toBe(1);
      expect(await row('nobody').textContent()).toContain('No profile found');
      await fetch(`${quiver.url}/nowhere`);
      await row('No such path').waitFor();
      await page.getByLabel('Only refused or failed').check();
      await expect.poll(() => row("crm-'1").count()).toBe(0);
      await page.getByLabel('Only refused or failed').uncheck();
      await page.getByLabel('Filter').fill('acme');
      await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
      await page.getByLabel('Filter').fill('');
      await page.getByLabel('Route').selectOption('update');
      await expect.poll(() => page.locator('tbody tr').count()).toBe(2);
      await page.getByLabel('All clients').uncheck();
      await expect.poll(() => page.locator('tbody tr').count()).toBe(2);
      await page.getByLabel('All clients').check();
      await page.getByLabel('Route').selectOption('');
      await row('acme').waitFor();
      await row('nobody').getByRole('button').click();
      await page.getByRole('heading', { name: 'The call in full' }).waitFor();
      expect(await page.locator('main').textContent()).not.toContain('hidden-secret');
      await lookAt(page, 'requests');
      await row('acme').getByRole('link', { name: "crm-'1" }).click();
      await page.getByRole('heading', { name: 'Profiles' }).waitFor();
      await page.getByText('gold').waitFor();
      expect(page.url()).toContain('/console/acme/profiles?');
    });

    test('shows in a trace each profile script, and the profile before and after', async () => {
      const admin = (method: string, path: string, body?: object) =>
        fetch(`${quiver.url}/demo/target/${path}`, {
          method,
          headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        });
      await admin('PUT', 'scripts/tier', { script: "return 'gold at ' + mbox.name;" });
      await admin('PUT', 'scripts/typo', { script: 'return spend > 1;' });
      const made = await admin('POST', 'authentication/token?authorizationScope=debug_tools');
      const { accessToken } = (await made.json()) as { accessToken: string };
      await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s1`, {
        method: 'POST',
        body: JSON.stringify({
          id: { tntId: 'traced' },
          trace: { authorizationToken: accessToken },
          context: { channel: 'web' },
          execute: { mboxes: [{ index: 0, name: 'home' }] },
        }),
      });
      await row('traced').getByRole('button').click();
      const tier = row('gold at home');
      await tier.waitFor();
      expect(await tier.textContent()).toMatch(/^tierhome"gold at home"yes[\d.]+ ms\d+$/);
      expect(await row("'spend' is not defined").getByRole('rowheader').textContent()).toBe('typo');
      await page.getByText('Profile before').click();
      await page.getByText('none', { exact: true }).first().waitFor();
      await page.getByText('Profile after').click();
      await page.getByText('"user.tier": {').first().waitFor();
      await lookAt(page, 'a trace with profile scripts');
    });

    test('keeps calls for later while it is paused', async () => {
      await update("crm-'1", 'one');
      await row('updated plan').waitFor();
      await page.getByRole('button', { name: 'Pause' }).click();
      await update('later', 'two');
      await page.getByRole('button', { name: 'Resume, 1 new' }).waitFor();
      expect(await row('later').count()).toBe(0);
      await page.getByRole('button', { name: 'Resume, 1 new' }).click();
      await row('later').waitFor();
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.getByText('No call yet.').waitFor();
    });

    // At one width is enough.
    test.skipIf(width < 1000)('copies calls that run as curl, as a test and as client code', async () => {
      const folder = await mkdtemp(join(EXAMPLES, 'vitest', 'copied-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      await update("crm-'1", "it's $1");
      await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/crm-'1?client=demo`);
      await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s1`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          id: { thirdPartyId: 'crm-2' },
          context: { channel: 'web' },
          execute: { pageLoad: { profileParameters: { a: '`$1`' } } },
        }),
      });
      await row('created').waitFor();
      await quiver.requests.clear();
      for (const [call, changed] of [
        ['updated', ['updated', 'updated']],
        ['thirdPartyId', [undefined, undefined]],
        ['created', ['updated', 'updated']],
      ] as const) {
        await row(call).first().getByRole('button').click();
        await run('sh', ['-c', await copied('Copy as curl: this call')]);
        await writeFile(join(folder, `${call}.test.mjs`), await copied('Copy as test'));
        await writeFile(join(folder, `${call}.mjs`), await copied('Copy as client code'));
        await run(process.execPath, [join(folder, `${call}.mjs`)]);
        const again = await quiver.requests.find();
        expect(again.map(({ status, changes }) => [status, changes[0]?.what])).toEqual(
          changed.map((what) => [200, what]),
        );
        await quiver.requests.clear();
      }
      const { stdout } = await run(
        process.execPath,
        [VITEST, 'run', '--reporter=json', folder.slice(folder.lastIndexOf('/') + 1)],
        { cwd: join(EXAMPLES, 'vitest') },
      );
      const report = JSON.parse(stdout.slice(stdout.indexOf('{')));
      expect([report.numPassedTests, report.numTotalTests]).toEqual([3, 3]);
    });
  });

  test('for a server shows by default why a call was refused, on Home and here', async () => {
    const quiver = await startQuiver({ flags: ['--workers', '1'] });
    try {
      await signIn(quiver.url, quiver.adminToken);
      await page.getByRole('heading', { name: 'Refused requests' }).waitFor();
      await page.getByText('No call was refused.').waitFor();
      await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, { method: 'POST', body: '{}' });
      const refused = page.getByRole('row').filter({ hasText: '400' });
      await refused.filter({ hasText: 'context' }).waitFor();
      await lookAt(page, 'home with a refused call');
      await refused.getByRole('button').click();
      await page.getByText('keeps only the calls that it refused').waitFor();
      await page.getByRole('heading', { name: 'The call in full' }).waitFor();
      await lookAt(page, 'a refused call');
    } finally {
      await quiver.stop();
    }
  });

  test('for a server shows request lines, headers and outcomes with --journal, and says how to get it without', async () => {
    const without = await startQuiver({ flags: ['--workers', '1', '--journal', '0'] });
    try {
      await signIn(without.url, without.adminToken);
      await page.getByRole('link', { name: 'Requests', exact: true }).click();
      await page.getByText('quiver serve --journal 1000').waitFor();
      await lookAt(page, 'no journal');
    } finally {
      await without.stop();
    }
    await context.close();
    const quiver = await startQuiver({ flags: ['--workers', '2', '--journal', '100'] });
    try {
      await signIn(quiver.url, quiver.adminToken);
      await page.getByRole('heading', { name: 'Home' }).waitFor();
      await page.getByRole('link', { name: 'Requests', exact: true }).click();
      await page.getByText('No call yet.').waitFor();
      await fetch(`${quiver.url}/rest/v1/profiles/someone?client=demo`);
      await row('someone').filter({ hasText: 'No profile found' }).waitFor();
      await row('someone').getByRole('button').click();
      await page.getByText('A server keeps no bodies.').waitFor();
    } finally {
      await quiver.stop();
    }
  });
});
