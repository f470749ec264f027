/**
 * Adobe Target inside a test of jest. The package is an ES module, so jest needs
 * NODE_OPTIONS=--experimental-vm-modules.
 */

import { startSandbox } from 'quiver-server/sandbox';

let quiver;
beforeAll(async () => {
  quiver = await startSandbox({ seed: [{ thirdPartyId: 'crm-1', attributes: { plan: 'gold' } }] });
});
afterAll(() => quiver.close());
beforeEach(() => quiver.reset());

const planOf = async (id) => {
  const answer = await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/${id}`);
  return answer.ok ? (await answer.json()).profileAttributes.plan.value : undefined;
};

test('a customer who stays away is forgotten', async () => {
  expect(await planOf('crm-1')).toBe('gold');
  await quiver.clock.advance('P15D');
  expect(await planOf('crm-1')).toBeUndefined();
});

test('the next test begins from the seed', async () => {
  expect(await planOf('crm-1')).toBe('gold');
  await quiver.requests.expect({ route: 'fetch', thirdPartyId: 'crm-1' }, { times: 1 });
});
