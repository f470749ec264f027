/**
 * Two servers, one on Bun and one on Node, on one data folder. Both update one person, each write
 * with a new attribute, while devices that first visited anonymously are linked to that person and
 * merged into it.
 */

import { Agent } from 'node:http';
import { attributesOf, update, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const CONNECTIONS = 8;
const UPDATES_A_DEVICE = 50;
const PERSON = 'the-person';

export default {
  name: 'one-person',
  bar: '10,000 updates, each of an attribute of its own, from two processes at once while devices are linked and merged: every attribute there, none changed',
  sizes: { short: { updates: 1000 }, long: { updates: 10_000 } },
  sabotages: { 'read-then-write': { updates: 1000 } },
  async run({ updates }, { say, sabotage }) {
    const dataDir = await makeFolder('person');
    const servers = [];
    for (const runtime of RUNTIMES) {
      servers.push(await startQuiver({ runtime, dataDir, flags: ['--workers', '1'], sabotage }));
    }
    const agent = new Agent({ keepAlive: true, maxSockets: 2 * CONNECTIONS });
    await visit(servers[0].url, { thirdPartyId: PERSON, tntId: 'first-device' }, {}, { agent });
    const expected = new Map();
    const problems = [];
    let next = 0;
    let devices = 0;

    async function write(url) {
      while (next < updates) {
        const n = next;
        next += 1;
        // Names and values are short, because all must fit into the 64 KB of one profile.
        const [name, value] = [n.toString(36), (n % 1296).toString(36)];
        const answer = await update(url, 'first-device', { [name]: value }, { agent });
        if (answer.text.includes('<success>true')) expected.set(name, value);
        else problems.push(`update ${n}: ${answer.status} ${answer.text}`);
        if (n % UPDATES_A_DEVICE === 0) await merge(url);
      }
    }

    /** A device visits anonymously, then with the person. */
    async function merge(url) {
      devices += 1;
      const tntId = `device-${devices}`;
      const name = `!${devices}`;
      for (const [id, attributes] of [
        [{ tntId }, { [name]: 'd' }],
        [{ tntId, thirdPartyId: PERSON }, {}],
      ]) {
        const answer = await visit(url, id, attributes, { agent });
        if (answer.status !== 200) problems.push(`${tntId}: ${answer.status} ${answer.text}`);
      }
      expected.set(name, 'd');
    }

    const lanes = servers.flatMap(({ url }) => Array.from({ length: CONNECTIONS }, () => write(url)));
    const progress = setInterval(() => say(`${next} of ${updates}`), 5000);
    await Promise.all(lanes);
    clearInterval(progress);
    const seen = { updates, devices, attributes: expected.size, missing: 0, changed: 0 };
    for (const { url } of servers) {
      const found = (await attributesOf(url, `thirdPartyId/${PERSON}`, { agent })) ?? {};
      for (const [name, value] of expected) {
        if (found[name] === undefined) seen.missing += 1;
        else if (found[name] !== value) seen.changed += 1;
      }
      for (let n = 1; n <= devices; n += 1) {
        const byDevice = await attributesOf(url, `device-${n}`, { agent });
        if (byDevice?.['0'] === undefined) problems.push(`device-${n} does not name the person`);
      }
    }
    agent.destroy();
    for (const server of servers) await server.stop();
    return { seen, problems, isMet: seen.missing + seen.changed + problems.length === 0 };
  },
};
