/**
 * What Quiver records of a visitor besides what is sent: sessions and category affinity (contract
 * sections 14 and 15).
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const MINUTE = 60_000;
const DAY = 86_400_000;
const T0 = Date.UTC(2026, 7, 18, 12);

let quiver: InProcess;
let clock: number;
beforeEach(async () => {
  clock = T0;
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const DELIVERY = '/rest/v1/delivery?client=demo&sessionId=s1';
const inMbox = (categoryId: unknown) => ({
  index: 0,
  name: 'home',
  parameters: { 'user.categoryId': categoryId },
});

async function deliver(parts: object, id: object = { tntId: 'seen' }) {
  return quiver.ask('POST', DELIVERY, { body: { id, context: { channel: 'web' }, ...parts } });
}
async function look(categoryId: string, id?: object) {
  expect((await deliver({ execute: { mboxes: [inMbox(categoryId)] } }, id)).status).toBe(200);
}
const view = async (id = 'seen'): Promise<Json> =>
  (await quiver.ask('GET', `/demo/target/profiles?id=${id}`, { headers })).json;
const scores = async (id?: string) =>
  (await view(id)).categoryAffinities?.map(({ category, score }: Json) => `${category} ${score}`);

describe('category affinity', () => {
  test("gives Adobe's tables over two sessions exactly", async () => {
    for (const category of ['mens-clothing', 'accessories', 'jewelry', 'accessories']) {
      await look(category);
      clock += 29 * MINUTE;
    }
    expect(await scores()).toEqual(['accessories 9', 'mens-clothing 8', 'jewelry 5']);
    clock += MINUTE;
    expect(await scores()).toEqual(['accessories 4.5', 'mens-clothing 4', 'jewelry 2.5']);
    await look('jewelry, accessories, beauty, shoes, womens-clothing');
    expect(await scores()).toEqual([
      'accessories 6.5',
      'womens-clothing 5',
      'jewelry 4.5',
      'shoes 4',
      'beauty 3',
    ]);
    clock += DAY;
    expect(await scores()).toEqual([
      'accessories 3.25',
      'womens-clothing 2.5',
      'jewelry 2.25',
      'shoes 2',
      'beauty 1.5',
    ]);
  });

  test('adds categories in the order of the parts, and counts a value repeated in many parts once', async () => {
    await deliver({
      notifications: [{ id: 'n', type: 'display', timestamp: 1, parameters: { 'user.categoryId': 'last' } }],
      prefetch: { views: [{ parameters: { 'user.categoryId': 'viewed' } }], mboxes: [inMbox('page')] },
      execute: { pageLoad: { parameters: { 'user.categoryId': 'page' } }, mboxes: [inMbox('page')] },
    });
    expect(await scores()).toEqual(['page 8', 'last 5', 'viewed 4']);
  });

  test.each([
    [
      'POST',
      '/rest/v1/mbox/s1?client=demo',
      { mbox: 'home', tntId: 'seen', mboxParameters: { 'user.categoryId': 'a' } },
    ],
    [
      'POST',
      '/rest/v2/batchmbox?client=demo&sessionId=s1',
      { id: { tntId: 'seen' }, mboxes: [{ mbox: 'home', parameters: { 'user.categoryId': 'a' } }] },
    ],
    ['GET', '/m2/demo/mbox/json?mbox=home&mboxPC=seen&user.categoryId=a', undefined],
  ])('works in the older form %s %s too', async (method, target, body) => {
    expect((await quiver.ask(method, target, { ...(body && { body }) })).status).toBe(200);
    expect(await scores()).toEqual(['a 10']);
  });

  test('ignores other names, other types and values that are too long', async () => {
    const parameters = { 'entity.categoryId': 'e', 'product.categoryId': 'p', categoryId: 'c' };
    await deliver({
      execute: { pageLoad: { parameters, product: { categoryId: 'q' } }, mboxes: [inMbox(7)] },
    });
    expect(await scores()).toBeUndefined();
    await look('x'.repeat(257));
    expect(await scores()).toBeUndefined();
  });

  test.each([
    ['x'.repeat(257), 'must have at most 256 characters'],
    [7, 'must be a string'],
  ])('under strict checking refuses the value %j', async (value, problem) => {
    await quiver.ask('PATCH', '/demo/target/clients/settings', { headers, body: { checking: 'strict' } });
    const answer = await deliver({ execute: { mboxes: [inMbox(value)] } });
    expect([answer.status, answer.json.message]).toEqual([
      400,
      `execute.mboxes[0].parameters: the value of "user.categoryId" ${problem}`,
    ]);
    const page = await quiver.ask(
      'GET',
      `/m2/demo/mbox/json?mbox=h&mboxPC=seen&user.categoryId=${'x'.repeat(257)}`,
    );
    expect(page.status).toBe(400);
    expect((await quiver.ask('GET', '/demo/target/profiles?id=seen', { headers })).status).toBe(404);
  });

  test('for two devices of one person keeps the higher score of each category', async () => {
    await look('shoes', { tntId: 'phone' });
    await look('hats', { tntId: 'desk' });
    await look('shoes', { tntId: 'desk', thirdPartyId: 'crm-1' });
    expect(await scores('desk')).toEqual(['hats 9', 'shoes 5']);
    await deliver({ execute: { pageLoad: {} } }, { tntId: 'phone', thirdPartyId: 'crm-1' });
    expect(await scores('phone')).toEqual(['shoes 10', 'hats 9']);
  });
});

describe('a session', () => {
  test('is recorded from the first category on, and no fetch shows it', async () => {
    await deliver({ execute: { pageLoad: { profileParameters: { plan: 'gold' } } } });
    expect((await view()).session).toBeUndefined();
    const fetched = (await quiver.ask('GET', '/rest/v1/profiles/seen?client=demo')).json;
    clock += 29 * MINUTE;
    await look('shoes');
    expect((await view()).session).toEqual({
      number: 1,
      start: new Date(T0).toISOString(),
      lastCall: new Date(clock).toISOString(),
      hasEnded: false,
    });
    expect((await quiver.ask('GET', '/rest/v1/profiles/seen?client=demo')).json).toEqual(fetched);
    clock += 30 * MINUTE;
    expect((await view()).session).toMatchObject({ number: 1, hasEnded: true });
    await deliver({ execute: { pageLoad: {} } });
    expect((await view()).session).toMatchObject({ number: 2, start: new Date(clock).toISOString() });
  });

  test('is not extended by updates or fetches', async () => {
    await look('shoes');
    clock += 20 * MINUTE;
    await quiver.ask('GET', '/m2/demo/profile/update?mboxPC=seen&profile.a=1');
    await quiver.ask('GET', '/rest/v1/profiles/seen?client=demo');
    clock += 10 * MINUTE;
    expect((await view()).session).toMatchObject({ hasEnded: true });
  });

  test('ends with the profile, at its expiry and with its removal', async () => {
    await look('shoes');
    clock += 14 * DAY;
    await look('hats');
    expect(await scores()).toEqual(['hats 10']);
    expect((await view()).session).toMatchObject({ number: 1 });
    await quiver.ask('DELETE', '/rest/v1/profiles/seen?client=demo', { headers });
    await look('coats');
    expect(await scores()).toEqual(['coats 10']);
  });
});
