/** A small shop that keeps its visitors in Adobe Target: what the tests beside it are about. */

import TargetClient from '@adobe/target-nodejs-sdk';

/**
 * @param host where Target is; at Adobe it is left out
 */
export function makeShop({ host, client }) {
  const target = TargetClient.create({
    client,
    organizationId: 'ABCDEF0123456789ABCDEF01@AdobeOrg',
    serverDomain: host,
    secure: false,
    fetchApi: fetch,
  });
  const url = `http://${host}`;

  return {
    /** Reports a page view. Returns the cookie by which the visitor is recognised. */
    async see(profileParameters, { cookie, customer } = {}) {
      const mbox = { name: 'home', index: 1, profileParameters };
      const { targetCookie, response } = await target.getOffers({
        request: { id: customer && { thirdPartyId: customer }, execute: { mboxes: [mbox] } },
        targetCookie: cookie,
      });
      return { cookie: targetCookie.value, tntId: response.id.tntId };
    },

    /** What is known of a customer; undefined for an unknown one. */
    async customer(id) {
      const answer = await fetch(`${url}/rest/v1/profiles/thirdPartyId/${id}?client=${client}`);
      if (answer.status === 404) return undefined;
      const { profileAttributes } = await answer.json();
      return Object.fromEntries(Object.entries(profileAttributes).map(([name, { value }]) => [name, value]));
    },

    /** Sets an attribute of a customer, and tries again when Target is busy. */
    async update(id, name, value) {
      const query = new URLSearchParams({ mbox3rdPartyId: id, [`profile.${name}`]: value });
      for (let tries = 1; ; tries += 1) {
        const answer = await fetch(`${url}/m2/${client}/profile/update?${query}`, { method: 'POST' });
        if (answer.ok) return;
        if (tries === 3) throw new Error(`Target answered ${answer.status}`);
      }
    },

    /** Uploads the plans of many customers. */
    async upload(plans) {
      const rows = Object.entries(plans).map(([id, plan]) => `${id},${plan}`);
      const body = ['batch=thirdPartyId,plan', ...rows, ''].join('\n');
      await fetch(`${url}/m2/${client}/v2/profile/batchUpdate`, { method: 'POST', body });
    },
  };
}
