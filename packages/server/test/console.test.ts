/**
 * The console in a real browser, Debian's Chromium, used as a person would, at two widths, in light
 * and dark mode.
 */

import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { hasBrowser, launchBrowser, lookAt } from './browser.ts';
import { type Quiver, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

/** What the browser itself logs for a refused request. */
const REFUSED = /^Failed to load resource: the server responded with a status of (40[14])/;

let quiver: Quiver;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** Console errors, refused requests, page errors, requests to other hosts. */
let complaints: string[] = [];
/** The refusals that a test may cause, as status and path, each as often as it is listed. */
let excused: string[] = [];
/** A page without a session asks for its session. */
const NO_SESSION = '401 /console/session';
const noToken = (client: string) => `404 /${client}/target/authentication/token`;

describe.skipIf(!hasBrowser('console.test.ts'))('the console in a browser', () => {
  beforeAll(async () => {
    quiver = await startQuiver({
      flags: [
        '--demo',
        '--client',
        'demo',
        '--client',
        'acme',
        '--workers',
        '1',
        '--journal',
        '1000',
        '--log-level',
        'error',
      ],
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await quiver?.stop();
  });

  describe.each([
    { width: 1280, height: 900, colorScheme: 'light' },
    { width: 400, height: 800, colorScheme: 'dark' },
  ] as const)('$width pixels wide and $colorScheme,', ({ width, height, colorScheme }) => {
    beforeEach(async () => {
      complaints = [];
      excused = [NO_SESSION];
      context = await browser.newContext({ viewport: { width, height }, colorScheme, acceptDownloads: true });
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: quiver.url });
      page = await context.newPage();
      page.setDefaultTimeout(30_000);
      page.on('console', (message) => {
        if (message.type() !== 'error') return;
        const status = REFUSED.exec(message.text())?.[1];
        complaints.push(status ? `${status} ${new URL(message.location().url).pathname}` : message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith(quiver.url) && !request.url().startsWith('data:'))
          complaints.push(`asked ${request.url()}`);
      });
    });
    afterEach(async () => {
      await context.close();
      for (const one of excused) {
        const at = complaints.indexOf(one);
        if (at !== -1) complaints.splice(at, 1);
      }
      expect(complaints).toEqual([]);
    });

    test('signs in with the admin token only, which is kept nowhere in the page', async () => {
      const wrongToken = NO_SESSION;
      const afterSigningOut = NO_SESSION;
      excused.push(wrongToken, afterSigningOut);
      await page.goto(`${quiver.url}/console/`);
      await look('sign-in');
      await page.getByLabel('Admin token').fill('not-the-token');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('This is not the admin token of this server.').waitFor();
      await page.getByLabel('Admin token').fill(quiver.adminToken);
      await page.keyboard.press('Enter');
      await heading('Home').waitFor();
      const [cookie, ...others] = await context.cookies();
      expect(others).toEqual([]);
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', secure: false });
      const hours = (cookie!.expires * 1000 - Date.now()) / 3_600_000;
      expect(hours).toBeGreaterThan(11.9);
      expect(hours).toBeLessThanOrEqual(12);
      const kept = await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])');
      expect(kept).toBe('[{},{},""]');
      expect(await page.content()).not.toContain(quiver.adminToken);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Admin token').waitFor();
      await page.reload();
      await page.getByLabel('Admin token').waitFor();
      // Home may have asked for something while the session ended.
      complaints = complaints.filter((one) => !one.startsWith('401 /demo/target/'));
    });

    test('works by keyboard alone: sign in, skip to the content, open a page', async () => {
      excused.push(noToken('demo'));
      await page.goto(`${quiver.url}/console/`);
      await page.getByLabel('Admin token').waitFor();
      await page.keyboard.type(quiver.adminToken);
      await page.keyboard.press('Enter');
      await heading('Home').waitFor();
      // Signing in leaves the focus in the content, so the link that skips to it comes before.
      for (let n = 0; n < 12 && (await focused()) !== 'Skip to content'; n += 1)
        await page.keyboard.press('Shift+Tab');
      expect(await focused()).toBe('Skip to content');
      for (let n = 0; n < 10 && (await focused()) !== 'Implementation'; n += 1)
        await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await heading('Implementation').waitFor();
    });

    test('shows on Home the current load, usage, latest batches and the server, and a way to other clients', async () => {
      await open('demo/home');
      await page.getByText('Mbox calls').first().waitFor();
      await page
        .getByRole('link', { name: /^demo-\d+-\d{8}$/ })
        .first()
        .waitFor();
      await page.getByText(/^Free on disk$/).waitFor();
      await page
        .locator('dl.figures div', { hasText: 'Free on disk' })
        .filter({ hasText: /\d [kMG]B/ })
        .waitFor();
      await look('home');
      await page.getByLabel('Client').selectOption('acme');
      await page.getByText('No batch yet.').first().waitFor();
      await look('an empty client');
      expect(page.url()).toBe(`${quiver.url}/console/acme/home`);
    });

    test('needs at most three clicks to a new visitor, a failed row, a 400 and a token', async () => {
      const visitor = `newcomer${width}`;
      await visit(visitor, `crm-newcomer${width}`);
      const bad = await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, {
        method: 'POST',
        body: `{"context":"none of ${width}"}`,
      });
      expect(bad.status).toBe(400);
      const rows = `batch=thirdPartyId,plan\nclicks${width},50%\n`;
      const sent = await fetch(`${quiver.url}/m2/demo/v2/profile/batchUpdate`, {
        method: 'POST',
        body: rows,
      });
      expect(sent.status).toBe(200);
      const adminFetch = (path: string) => adminGet(`demo/target/${path}`);
      await until('the batch is applied', async () => {
        const { batches } = (await adminFetch('batches')) as { batches: { state: string }[] };
        return batches[0]?.state === 'complete';
      });
      await open('demo');
      await heading('Home').waitFor();

      // The home page shows the refused call with its reason; one click shows it completely.
      const refused = page.getByRole('row').filter({ hasText: '400' }).first();
      await refused.filter({ hasText: 'context' }).waitFor();
      await look('why a request got a 400');
      await refused.getByRole('button').click();
      await heading('The call in full').waitFor();

      await page.getByRole('link', { name: 'Profiles', exact: true }).click();
      await page.getByRole('link', { name: `crm-newcomer${width}`, exact: true }).click();
      await page.getByRole('rowheader', { name: 'country' }).waitFor();
      expect(await page.title()).toContain(`crm-newcomer${width}`);
      await look('the visitor just created');

      await page.getByRole('link', { name: 'Batches', exact: true }).click();
      await page.getByRole('row').filter({ hasText: 'Complete, 1 failed' }).first().getByRole('link').click();
      await page.getByRole('cell', { name: /has a % that is not followed/ }).waitFor();
      await look('why a row failed');

      excused.push(noToken('demo'));
      await page.getByRole('link', { name: 'Implementation', exact: true }).click();
      await page.getByRole('button', { name: 'Generate New Profile Authentication Token' }).waitFor();
      await look('how to make a token');
    });

    test('shows this edge cluster, and how to add more', async () => {
      await open('demo/edges');
      await page.getByText('Reachable').waitFor();
      await page.getByText('npm run edges').waitFor();
      await look('edges');
    });

    test('finds profiles by any id, and changes and removes them', async () => {
      const name = `of${width}`;
      const tntId = `visitor${width}`;
      const ecid = `${width}0123456789012345678901234567890`;
      const removed = [`404 /rest/v1/profiles/marketingCloudVisitorId/${ecid}`, '404 /demo/target/profiles'];
      excused.push(...removed);
      await visit(tntId, `crm-${width}`);
      await open('demo/profiles');
      await page.getByRole('heading', { name: 'Written last' }).waitFor();
      await page.getByRole('link', { name: `crm-${width}`, exact: true }).waitFor();
      await look('profiles written last');
      for (const id of [tntId, `crm-${width}`, ecid]) {
        await page.getByLabel('Visitor id').fill(id);
        await page.keyboard.press('Enter');
        await page.locator('.found .id', { hasText: id }).waitFor();
      }
      await page.getByRole('button', { name: 'Add attribute' }).click();
      await page.getByLabel('Name').fill(name);
      await page.getByLabel('Value', { exact: true }).fill('first');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('rowheader', { name }).waitFor();
      expect(await fetched(tntId, name)).toBe('first');
      await page.getByRole('button', { name: `Change ${name}` }).click();
      await page.getByLabel('Value', { exact: true }).fill('second');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.locator('td.value', { hasText: 'second' }).waitFor();
      expect(await fetched(tntId, name)).toBe('second');
      await look('a profile');
      await page.getByRole('button', { name: `Remove ${name}` }).click();
      await page.getByRole('button', { name: 'Remove attribute' }).click();
      await page.getByRole('rowheader', { name }).waitFor({ state: 'detached' });
      expect(await fetched(tntId, name)).toBeUndefined();
      await page.getByText('Show the JSON').click();
      await page.getByText('"profileAttributes"').waitFor();

      await page.getByRole('button', { name: 'Delete profile' }).click();
      const dialog = page.getByRole('dialog');
      await look('asking before a profile goes');
      expect(await dialog.getByRole('button', { name: 'Delete profile' }).isDisabled()).toBe(true);
      await dialog.getByRole('textbox').fill(ecid);
      await dialog.getByRole('button', { name: 'Delete profile' }).click();
      await heading('No profile').waitFor();
      await look('no such profile');
      expect((await fetch(`${quiver.url}/rest/v1/profiles/${tntId}`)).status).toBe(404);
      forgetPolls('404 /demo/target/profiles');
    });

    test('finds profiles by a customer id, and warns about one that many visitors may share', async () => {
      excused.push('404 /demo/target/profiles');
      const visitor = `customer${width}`;
      const customerIds = [
        { id: `47:11-${width}`, integrationCode: 'crm', authenticatedState: 'authenticated' },
      ];
      for (const id of [
        { tntId: visitor, customerIds },
        { tntId: `sharer${width}`, thirdPartyId: 'undefined' },
      ]) {
        const pageLoad = { parameters: { 'user.categoryId': 'shoes' } };
        const body = JSON.stringify({ context: { channel: 'web' }, id, execute: { pageLoad } });
        await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, { method: 'POST', body });
      }
      const headers = { authorization: `Bearer ${quiver.adminToken}` };
      const table = { method: 'POST', headers, body: `id,tier\n47:11-${width},gold\n` };
      const accepted = await fetch(`${quiver.url}/demo/target/customer-attributes/crm`, table);
      const { status } = (await accepted.json()) as { status: string };
      await until('the customer attributes are set', async () => {
        const batch = (await (await fetch(status, { headers })).json()) as { state: string };
        return batch.state === 'complete';
      });
      await open('demo/profiles');
      await page.getByLabel('Visitor id').fill(`crm:47:11-${width}`);
      await page.keyboard.press('Enter');
      await page.locator('.found', { hasText: 'customer id' }).waitFor();
      await page.getByRole('cell', { name: visitor, exact: true }).waitFor();
      await page.getByText('Affinity for shoes').waitFor();
      await page.getByRole('cell', { name: 'gold', exact: true }).waitFor();
      await page.getByText('Show the JSON').click();
      await page.getByText(`"visitorId": "${visitor}"`).waitFor();
      await look('a profile found by a customer id');
      await page.getByLabel('Visitor id').fill('undefined');
      await page.keyboard.press('Enter');
      await page.getByText('Many visitors may share this profile').waitFor();
      await look('a shared profile');
      await open('demo');
      await page.getByText(/placeholder ids? in the last/).waitFor();
      forgetPolls('404 /demo/target/profiles');
    });

    test('checks, sends and applies a batch; a failed row shows its reason and can be sent again', async () => {
      await open('demo/batches');
      await look('batches');
      const body = `batch=thirdPartyId,plan\nb${width}-1,gold\n,nobody\nb${width}-2,silver%2\n`;
      const chosen = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Choose a file' }).click();
      await (await chosen).setFiles({
        name: 'people.batch',
        mimeType: 'text/plain',
        buffer: Buffer.from(body),
      });
      await page.getByText('2 rows will fail').waitFor();
      await look('a checked file');
      await page.getByRole('button', { name: 'Send 3 rows' }).click();
      await page.getByText('Complete, 2 failed').waitFor();
      await page.getByText('3 of 3 rows, 2 failed').waitFor();
      await page.getByRole('cell', { name: 'the id is missing' }).waitFor();
      await page.getByRole('cell', { name: /"plan" has a % that is not followed/ }).waitFor();
      await look('a batch with failed rows');
      const downloading = page.waitForEvent('download');
      await page.getByRole('link', { name: 'Download failed rows' }).click();
      const again = await readFile(await (await downloading).path(), 'utf8');
      expect(again).toBe(`batch=thirdPartyId,plan\n,nobody\nb${width}-2,silver%2\n`);

      await page.getByRole('link', { name: 'send the file' }).click();
      const next = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Choose a file' }).click();
      const mended = Buffer.from(again.replace('\n,nobody', '').replace('%2\n', '\n'));
      await (await next).setFiles({ name: 'again.batch', mimeType: 'text/plain', buffer: mended });
      await page.getByText('The file is well formed.').waitFor();
      await page.getByRole('button', { name: 'Send 1 row' }).click();
      await page.getByText('1 of 1 row').waitFor();
      expect(await fetched(`thirdPartyId/b${width}-2`, 'plan')).toBe('silver');
    });

    test('changes token, switch and lifetime on Implementation, and the API follows', async () => {
      const client = width > 1000 ? 'demo' : 'acme';
      excused.push(noToken(client));
      const update = (headers: Record<string, string> = {}) =>
        fetch(`${quiver.url}/rest/v1/profiles/nobody?client=${client}`, { headers });
      await open(`${client}/implementation`);
      await page.getByLabel('Expires In').selectOption('30');
      await page.getByRole('button', { name: 'Generate New Profile Authentication Token' }).click();
      await page.getByRole('button', { name: 'End token' }).waitFor();
      await page.getByText('Expires in 30 days').waitFor();
      await look('implementation');
      const token = (await adminGet(`${client}/target/authentication/token?authorizationScope=profile_api`))
        .accessToken as string;
      await page.getByText('Require Authentication').click();
      await page.getByText('need the profile token. Visits never do.').waitFor();
      expect((await update()).status).toBe(403);
      expect((await update({ authorization: `Bearer ${token}` })).status).toBe(404);
      await page.getByRole('button', { name: 'Generate New Profile Authentication Token' }).click();
      await page.getByRole('dialog').getByText('The current token ends at once.').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Generate' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect((await update({ authorization: `Bearer ${token}` })).status).toBe(403);
      await page.getByRole('button', { name: 'End token' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'End token' }).click();
      await page.getByText('every profile API call is refused').waitFor();
      await page.getByText('Require Authentication').click();
      await page.getByText('Everybody who can reach this server').waitFor();
      await page.getByLabel('Profile lifetime, in days', { exact: true }).fill('30');
      await page.getByRole('button', { name: 'Save Profile lifetime, in days' }).click();
      await page.getByText('Saved.').waitFor();
      expect(await adminGet(`${client}/target/clients/settings`)).toMatchObject({ profileLifetimeDays: 30 });
    });

    test('keeps a change even when an older reply arrives after it', async () => {
      excused.push(noToken('demo'), noToken('demo'));
      await open('demo/implementation');
      await page.getByText('Everybody who can reach this server').waitFor();
      let isChanged = () => {};
      const changed = new Promise<void>((resolve) => {
        isChanged = resolve;
      });
      let asked: Request | undefined;
      await page.route(/clients.settings/, async (route) => {
        if (route.request().method() !== 'GET' || asked) return route.continue();
        asked = route.request();
        const before = await route.fetch();
        await changed;
        // The page may have cancelled it.
        await route.fulfill({ response: before }).catch(() => undefined);
      });
      // A window that gets the focus again refreshes what is older than two seconds.
      await until('the page asks again', async () => {
        await page.evaluate("dispatchEvent(new Event('visibilitychange'))");
        return asked !== undefined;
      });
      await page.getByText('Require Authentication').click();
      await page.getByText('need the profile token. Visits never do.').waitFor();
      isChanged();
      // Either way it has ended then.
      await until(
        'the old answer has come',
        async () => (await asked!.response().catch(() => null)) !== undefined,
      );
      await page.evaluate(
        'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
      );
      expect(await page.getByText('need the profile token. Visits never do.').count()).toBe(1);
      await page.unroute(/clients.settings/);
      await page.getByText('Require Authentication').click();
      await page.getByText('Everybody who can reach this server').waitFor();
    });

    test('reports every failure: an empty value, a prefix, a name that is taken, a misspelt setting', async () => {
      const visitor = `careful${width}`;
      await visit(visitor, `crm-careful${width}`);
      await open(`demo/profiles?id=${visitor}`);
      const value = page.getByLabel('Value', { exact: true });
      await page.getByRole('button', { name: 'Add attribute' }).click();
      await page.getByLabel('Name', { exact: true }).fill('profile.country');
      await page.getByText('is how requests write the name').waitFor();
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText('An attribute needs a value').waitFor();
      await value.fill('spain');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText('This profile has an attribute').waitFor();
      expect(await fetched(visitor, 'country')).toBe('france');
      await look('asking before a value goes');
      await page.getByRole('button', { name: 'Replace its value' }).click();
      await page.getByRole('cell', { name: 'spain', exact: true }).waitFor();
      expect(await fetched(visitor, 'country')).toBe('spain');
      await page.getByRole('button', { name: 'Change country' }).click();
      await page.keyboard.press('Escape');
      await value.waitFor({ state: 'detached' });
      expect(await focusedName()).toBe('Change country');

      excused.push(noToken('demo'));
      await open('demo/implementation');
      await page.getByText('Other settings').click();
      await page.getByLabel('Name', { exact: true }).fill('profileLifetimeDay');
      await page.getByLabel('Value, as JSON').fill('5');
      await page.getByRole('button', { name: 'Set', exact: true }).click();
      await page.getByText('Stored, but:').waitFor();
      await look('a misspelt setting');
    });

    test('shows a profile with many attributes, long values and hostile names completely', async () => {
      const visitor = `large${width}`;
      const many = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`a${n}`, String(n)]));
      // The number of parameters of a visit is limited.
      const parameters = Object.entries(many);
      for (let at = 0; at < parameters.length; at += 50)
        await visit(visitor, `crm-large${width}`, Object.fromEntries(parameters.slice(at, at + 50)));
      await visit(visitor, `crm-large${width}`, {
        long: 'word '.repeat(100),
        'right\u202eleft': '\u200b',
      });
      await open(`demo/profiles?id=${visitor}`);
      await page.getByText('1 to 100 of 25').waitFor();
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByText('101 to 200 of 25').waitFor();
      await page.getByLabel('Filter by name or value').fill('right');
      await page.getByRole('rowheader', { name: 'right\\u202eleft' }).waitFor();
      await page.getByRole('cell', { name: '\\u200b' }).waitFor();
      await page.getByLabel('Filter by name or value').fill('long');
      await page.getByRole('button', { name: 'Show all of long' }).click();
      await look('a long value');
    });

    test('turns a CSV table into a batch with its columns mapped', async () => {
      await open('demo/batches');
      const chosen = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Choose a file' }).click();
      const table = `customer id;Home town;note\ncsv${width}-1;"Köln; Rhein";x\ncsv${width}/2;Paris;y\n`;
      await (await chosen).setFiles({ name: 'p.csv', mimeType: 'text/csv', buffer: Buffer.from(table) });
      await page.getByLabel('Attribute for Home town').fill('town');
      await page.getByLabel('Attribute for note').fill('');
      await look('columns of a table');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('1 row will fail').waitFor();
      await page.getByRole('button', { name: 'Send 2 rows' }).click();
      await page.getByText('2 of 2 rows, 1 failed').waitFor();
      expect(await fetched(`thirdPartyId/csv${width}-1`, 'town')).toBe('Köln; Rhein');
      expect(await fetched(`thirdPartyId/csv${width}-1`, 'note')).toBeUndefined();
    });

    test('shows where each value of the server configuration came from', async () => {
      excused.push(noToken('demo'));
      await open('demo/implementation');
      const row = (name: string) =>
        page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });
      expect(await row('client').textContent()).toMatch(/demo, acmecommand line/);
      expect(await row('max-ids').textContent()).toMatch(/10000default/);
      expect(await row('QUIVER_ADMIN_TOKEN').textContent()).toMatch(/\(none\)default/);
      await look('the configuration of the server');
    });

    test('lists the profile scripts of a client, and why one is disabled', async () => {
      excused.push(noToken('acme'));
      const headers = { authorization: `Bearer ${quiver.adminToken}`, 'content-type': 'application/json' };
      const set = async (name: string, script: string, enabled: boolean) => {
        const body = JSON.stringify({ script, enabled });
        const path = `${quiver.url}/acme/target/scripts/${name}${width}`;
        expect((await fetch(path, { method: 'PUT', headers, body })).status).toBe(200);
      };
      await set('tier', "return 'gold';", true);
      await set('later', 'return 1;', false);
      await set('typo', 'return spend > 1;', true);
      await open('acme/implementation');
      const row = (name: string) => page.getByRole('row').filter({ hasText: `${name}${width}` });
      await row('tier').getByText('active').waitFor();
      await row('later').getByText('off').waitFor();
      await fetch(`${quiver.url}/rest/v1/delivery?client=acme&sessionId=s`, {
        method: 'POST',
        body: '{"context":{"channel":"web"},"execute":{"mboxes":[{"index":0,"name":"home"}]}}',
      });
      await row('typo').getByText('disabled').waitFor();
      await row('typo').getByText("'spend' is not defined").waitFor();
      await look('profile scripts');
    });

    test('shows a merge on the profile, previews undoing it, and undoes it', async () => {
      const person = `crm-merge${width}`;
      await visit(`device${width}`, person, { country: 'france', size: 'L' });
      const device = `other${width}`;
      const pageLoad = { profileParameters: { colour: 'red' } };
      const body = (id: object) => JSON.stringify({ id, context: { channel: 'web' }, execute: { pageLoad } });
      for (const id of [{ tntId: device }, { tntId: device, thirdPartyId: person }])
        await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, {
          ...{ method: 'POST', body: body(id) },
        });
      await open(`demo/profiles?id=${person}&kind=thirdPartyId`);
      await page.getByRole('cell', { name: `tntId ${device} into` }).waitFor();
      await look('a merge on a profile');
      await page.getByRole('button', { name: 'Undo the merge' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('will be a profile of its own again').waitFor();
      await dialog.getByText(`tntId ${device}`).waitFor();
      await look('asking before a merge is undone');
      await dialog.getByRole('button', { name: 'Undo the merge' }).click();
      await page.getByRole('cell', { name: 'undone' }).waitFor();
      expect(await fetched(`thirdPartyId/${person}`, 'country')).toBe('france');
      expect(await fetched(device, 'country')).toBeUndefined();
      expect(await fetched(device, 'colour')).toBe('red');
    });

    test('keeps typed text when the session ends elsewhere, and says why it ended', async () => {
      const visitor = `kept${width}`;
      await visit(visitor, `crm-kept${width}`);
      await open(`demo/profiles?id=${visitor}`);
      await page.getByRole('button', { name: 'Add attribute' }).click();
      await page.getByLabel('Name', { exact: true }).fill('typed');
      await page.getByLabel('Value', { exact: true }).fill('before');
      // The cookie expires, as after twelve hours.
      await context.clearCookies();
      await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
      await look('a session that has ended');
      await page.getByLabel('Admin token').fill(quiver.adminToken);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Your session has ended' }).waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByRole('cell', { name: 'before', exact: true }).waitFor();
      expect(await fetched(visitor, 'typed')).toBe('before');
      complaints = complaints.filter((one) => !one.startsWith('401 '));
    });

    test('says once that the server is unreachable, and keeps what it showed', async () => {
      await open('demo/home');
      await page.getByText('Mbox calls').first().waitFor();
      await context.setOffline(true);
      // The browser keeps a connection that is open, so the page has to make a new one.
      for (const state of ['hidden', 'visible']) {
        await page.evaluate(
          `Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
           document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))`,
        );
      }
      await page.getByText('The server does not answer').waitFor({ timeout: 30_000 });
      expect(await page.getByRole('alert').count()).toBe(1);
      await page.getByText('Mbox calls').first().waitFor();
      await context.setOffline(false);
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('The server does not answer').waitFor({ state: 'detached' });
      complaints = complaints.filter((one) => !one.includes('ERR_INTERNET_DISCONNECTED'));
    });

    test('describes the API on a page whose forms call this server', async () => {
      await page.goto(`${quiver.url}/docs`);
      expect(await page.evaluate("document.documentElement.classList.contains('dark-mode')")).toBe(
        colorScheme === 'dark',
      );
      await page.locator('.opblock-tag', { hasText: 'Running it' }).click();
      const probe = page.locator('.opblock', { has: page.locator('[data-path="/healthz"]') });
      await probe.locator('.opblock-summary-control').click();
      await probe.getByRole('button', { name: 'Try it out' }).click();
      await probe.getByRole('button', { name: 'Execute' }).click();
      await probe.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
      await probe.locator('.live-responses-table', { hasText: 'ok' }).waitFor();
    });

    test('loads its first page in less than 250 KB, compressed', async () => {
      await page.goto(`${quiver.url}/console/`);
      await page.getByLabel('Admin token').waitFor();
      const sizes: number[] = await page.evaluate(
        "performance.getEntriesByType('resource').map(({ encodedBodySize }) => encodedBodySize)",
      );
      const loaded = sizes.reduce((sum, size) => sum + size, 0);
      expect(loaded).toBeGreaterThan(20_000);
      expect(loaded).toBeLessThan(250_000);
    });

    test('opens a deep link after signing in, and says when a page does not exist', async () => {
      await page.goto(`${quiver.url}/console/demo/profiles?id=crm-1001`);
      await signIn();
      await page.locator('.found .id', { hasText: 'crm-1001' }).waitFor();
      await page.goto(`${quiver.url}/console/demo/nowhere`);
      await heading('Nothing here').waitFor();
      await look('nowhere');
    });

    test('offers a curl line for every view', async () => {
      excused.push(noToken('demo'));
      for (const path of ['home', 'profiles?id=crm-1001', 'batches', 'edges', 'implementation']) {
        await open(`demo/${path}`);
        await page.getByRole('button', { name: 'Copy as curl' }).first().click();
        const copied = await page.evaluate('navigator.clipboard.readText()');
        expect(copied).toContain(`curl`);
        expect(copied).toContain(`${quiver.url}/demo/target/`);
        expect(copied).not.toContain(quiver.adminToken);
      }
    });
  });
});

test('the console is served with a policy that blocks everything from other origins', async () => {
  const own = await startQuiver({ flags: ['--workers', '1'] });
  onTestFinished(async () => void (await own.stop()));
  const { headers } = await fetch(`${own.url}/console/`);
  expect(headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  expect(headers.get('content-security-policy')).not.toMatch(/unsafe|https?:/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
});

const heading = (name: string) => page.getByRole('heading', { name, exact: true });

function focused(): Promise<string> {
  return page.evaluate("document.activeElement?.textContent ?? ''");
}

function focusedName(): Promise<string> {
  return page.evaluate("document.activeElement?.getAttribute('aria-label') ?? ''");
}

async function signIn(): Promise<void> {
  await page.getByLabel('Admin token').fill(quiver.adminToken);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

/** Keeps only one of the errors that a page repeats because it polls. */
function forgetPolls(repeated: string): void {
  const first = complaints.indexOf(repeated);
  complaints = complaints.filter((one, index) => one !== repeated || index === first);
}

/** Opens a page, after signing in if necessary. */
async function open(path: string): Promise<void> {
  await page.goto(`${quiver.url}/console/${path}`);
  await page
    .getByLabel('Admin token')
    .or(page.getByRole('button', { name: 'Sign out' }))
    .waitFor();
  if (await page.getByLabel('Admin token').isVisible()) await signIn();
}

const look = (what: string) => lookAt(page, what);

async function visit(
  tntId: string,
  thirdPartyId: string,
  profileParameters: Record<string, string> = { country: 'france' },
): Promise<void> {
  const digits = thirdPartyId.slice(4);
  const ecid = { marketingCloudVisitorId: `${digits}0123456789012345678901234567890` };
  const { status } = await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, {
    method: 'POST',
    body: JSON.stringify({
      id: { tntId, thirdPartyId, ...(/^\d+$/.test(digits) && ecid) },
      context: { channel: 'web' },
      execute: { pageLoad: { profileParameters } },
    }),
  });
  expect(status).toBe(200);
}

/** The value of an attribute in a fetch. */
async function fetched(path: string, name: string): Promise<string | undefined> {
  const reply = await fetch(`${quiver.url}/rest/v1/profiles/${path}?client=demo`);
  const { profileAttributes } = (await reply.json()) as {
    profileAttributes: Record<string, { value: string }>;
  };
  return profileAttributes[name]?.value;
}

async function adminGet(path: string): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${quiver.adminToken}` };
  return (await (await fetch(`${quiver.url}/${path}`, { headers })).json()) as Record<string, unknown>;
}
