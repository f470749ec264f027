/** The shop's tests, with Adobe Target inside the test: no account, no network, no waiting. */

import { startSandbox } from 'quiver-server/sandbox';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeShop } from './shop.mjs';

let quiver;
let shop;

beforeAll(async () => {
  quiver = await startSandbox({
    clients: ['shop'],
    now: '2026-01-01T00:00:00Z',
    ids: 'seed:42',
    seed: [{ thirdPartyId: 'crm-1', attributes: { plan: 'gold' } }],
  });
  shop = makeShop({ host: `127.0.0.1:${quiver.port}`, client: 'shop' });
});
afterAll(() => quiver.close());
beforeEach(() => quiver.reset());

test('a visitor who signs in is the customer from then on', async () => {
  const { cookie } = await shop.see({ lastSeen: 'shoes' });
  await shop.see({}, { cookie, customer: 'crm-2' });
  expect(await shop.customer('crm-2')).toMatchObject({ lastSeen: 'shoes' });
});

test('what the visitor did before is merged into the customer', async () => {
  const { cookie } = await shop.see({ lastSeen: 'shoes', plan: 'none' });
  await shop.see({}, { cookie, customer: 'crm-1' });
  expect(await shop.customer('crm-1')).toMatchObject({ lastSeen: 'shoes', plan: 'gold' });
  const [, signIn] = await quiver.requests.find({ route: 'visit' });
  expect(signIn.changes).toMatchObject([{ what: 'merged', id: 'crm-1' }]);
});

test('a customer who stays away for two weeks is forgotten', async () => {
  await quiver.clock.advance('P13D');
  expect(await shop.customer('crm-1')).toEqual({ plan: 'gold' });
  await quiver.clock.advance('P1D');
  expect(await shop.customer('crm-1')).toBeUndefined();
});

test('an update is sent again when Target is busy', async () => {
  const busy = await quiver.faults.add({ route: 'update', times: 2, status: 503 });
  await shop.update('crm-1', 'plan', 'black');
  expect(busy.hits).toBe(2);
  await quiver.requests.expect({ route: 'update', thirdPartyId: 'crm-1' }, { times: 3 });
  expect(await shop.customer('crm-1')).toEqual({ plan: 'black' });
});

test('the shop notices when a row of a batch is lost', async () => {
  await quiver.weather({ lostRows: 0.5 });
  await shop.upload(Object.fromEntries(Array.from({ length: 20 }, (_, row) => [`crm-${row + 10}`, 'blue'])));
  await quiver.clock.advance('PT1M');
  const found = await Promise.all(Array.from({ length: 20 }, (_, row) => shop.customer(`crm-${row + 10}`)));
  const lost = found.filter((customer) => customer === undefined).length;
  expect(lost).toBeGreaterThan(0);
  expect(lost).toBeLessThan(20);
});

test('an update may take a day to become visible', async () => {
  await quiver.weather({ updatesVisibleAfter: 'PT24H' });
  await shop.update('crm-1', 'plan', 'black');
  expect(await shop.customer('crm-1')).toEqual({ plan: 'gold' });
  await quiver.clock.advance('PT24H');
  expect(await shop.customer('crm-1')).toEqual({ plan: 'black' });
});
