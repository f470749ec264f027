/**
 * Changes take effect at once: a switch, a new token, its end, a lifetime and a sign-out are each
 * made at one worker and tried at another with the next request, round after round.
 */

import { Agent } from 'node:http';
import { ask, update, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const WORKERS = 4;
const CONNECTIONS = 16;
const TOKEN = 'torture-admin-token';
const UNKNOWN = '/rest/v1/profiles/thirdPartyId/nobody?client=demo';
const TOKENS = '/demo/target/authentication/token?authorizationScope=profile_api';
const SETTINGS = '/demo/target/clients/settings';
const SESSION = '/console/session';

export default {
  name: 'settings',
  bar: 'none of the looks that follow a change, at any worker, sees what was before it',
  sizes: { short: { rounds: 60 }, long: { rounds: 3000 } },
  sabotages: { 'kept-a-moment': { rounds: 60 } },

  async run({ rounds }, { say, sabotage }) {
    const seen = { rounds: 0, looks: 0, stale: 0 };
    for (const runtime of RUNTIMES) {
      const server = await startQuiver({
        runtime,
        dataDir: await makeFolder('settings'),
        flags: ['--workers', String(WORKERS)],
        env: { QUIVER_ADMIN_TOKEN: TOKEN },
        sabotage,
      });
      // Kept connections are spread over all workers; each change uses one of them, and the looks
      // use all others in turn.
      const agents = Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
      try {
        for (let n = 0; n < rounds / RUNTIMES.length; n += 1) {
          const agentOf = (k) => agents[(n + k) % CONNECTIONS];
          seen.rounds += 1;
          seen.stale += await round(server.url, n, agentOf, seen);
          if (n % 500 === 499) say(`${runtime}: ${n + 1} rounds, ${seen.stale} stale`);
          // One miss is enough for a proof.
          if (sabotage && seen.stale > 0) return { seen, isMet: false };
        }
      } finally {
        for (const agent of agents) agent.destroy();
        await server.stop();
      }
    }
    return { seen, isMet: seen.stale === 0 && seen.looks > 0 };
  },
};

/**
 * Makes one change of each kind; returns how many of the following requests saw the state before
 * it.
 */
async function round(url, n, agentOf, seen) {
  let stale = 0;
  const admin = async (method, path, body) => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { status, text } = await ask(url + path, { method, headers, body, agent: agentOf(0) });
    if (status >= 300) throw new Error(`${method} ${path} was answered with ${status}: ${text}`);
    return text;
  };
  const look = async (expected, headers = {}, path = UNKNOWN) => {
    const looks = await Promise.all(
      [1, 2, 3, 4, 5].map((k) => ask(url + path, { headers, agent: agentOf(k) })),
    );
    seen.looks += looks.length;
    stale += looks.filter(({ status }) => status !== expected).length;
  };

  await admin('PATCH', SETTINGS, '{"enableProfileApiAuthentication":true}');
  await look(403);
  const made = async () => JSON.parse(await admin('POST', TOKENS)).accessToken;
  const first = { authorization: `Bearer ${await made()}` };
  await look(404, first);
  const second = { authorization: `Bearer ${await made()}` };
  await look(403, first);
  await look(404, second);
  await admin('DELETE', TOKENS);
  await look(403, second);
  await admin('PATCH', SETTINGS, '{"enableProfileApiAuthentication":false}');
  await look(404);

  const begun = await ask(url + SESSION, {
    method: 'POST',
    body: JSON.stringify({ token: TOKEN }),
    agent: agentOf(0),
  });
  const cookie = { cookie: begun.headers['set-cookie'][0].split(';', 1)[0] };
  await look(200, cookie, SESSION);
  await ask(url + SESSION, { method: 'DELETE', headers: cookie, agent: agentOf(0) });
  await look(401, cookie, SESSION);

  stale += await lifetime(url, n, agentOf, admin, seen);
  return stale;
}

/**
 * Sets a new lifetime, and checks when a profile expires that another worker writes next; returns 1
 * if by the old lifetime.
 */
async function lifetime(url, n, agentOf, admin, seen) {
  const days = 2 + (n % 80);
  const id = `lifetime-${n}`;
  await visit(url, { tntId: id }, { x: '1' }, { agent: agentOf(0) });
  const before = Date.now();
  await admin('PATCH', SETTINGS, JSON.stringify({ profileLifetimeDays: days }));
  seen.looks += 1;
  const updated = await update(url, id, { x: '2' }, { agent: agentOf(1) });
  // The switch was turned off before.
  if (updated.status !== 200) return 1;
  const found = JSON.parse(await admin('GET', `/demo/target/profiles?kind=tntId&id=${id}`));
  const lasts = (Date.parse(found.expiresAt) - before) / 86_400_000;
  if (Number.isNaN(lasts)) throw new Error(`no expiry in ${JSON.stringify(found)}`);
  return Math.round(lasts) === days ? 0 : 1;
}
