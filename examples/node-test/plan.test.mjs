/** Adobe Target inside a test of Node's own runner: nothing to install but quiver-server. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startSandbox } from 'quiver-server/sandbox';

let quiver;
before(async () => {
  quiver = await startSandbox({ seed: [{ thirdPartyId: 'crm-1', attributes: { plan: 'gold' } }] });
});
after(() => quiver.close());
beforeEach(() => quiver.reset());

const planOf = async (client) => {
  const answer = await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/crm-1?client=${client}`);
  return answer.ok ? (await answer.json()).profileAttributes.plan.value : undefined;
};
const setPlan = (client, plan) =>
  fetch(`${quiver.url}/m2/${client}/profile/update?mbox3rdPartyId=crm-1&profile.plan=${plan}`);

test('an update shows in the next fetch', async () => {
  await setPlan('demo', 'black');
  assert.equal(await planOf('demo'), 'black');
  await quiver.requests.expect({ route: 'update', thirdPartyId: 'crm-1' }, { times: 1 });
});

test('the next test begins from the seed', async () => {
  assert.equal(await planOf('demo'), 'gold');
});

test('tests that run side by side use one client each', { concurrency: true }, async (t) => {
  await Promise.all(
    ['silver', 'black'].map((plan) =>
      t.test(plan, async () => {
        const shop = await quiver.client();
        await setPlan(shop.code, plan);
        assert.equal(await planOf(shop.code), plan);
        assert.equal(await shop.requests.count(), 2);
      }),
    ),
  );
});
