/**
 * Builds a copy of the store from the change feed alone, while updates and visits link and merge
 * and all processes of the server are killed with -9, on Bun and Node in turn. The copy continues
 * from its last cursor.
 *
 * It fails if a change comes twice or out of order, if an acknowledged write of a profile has no
 * change, or if a profile differs between copy and store.
 */

import { Agent } from 'node:http';
import { ask, attributesOf, until, update, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const LANES = 24;
/** Few enough that they often meet in one profile. */
const PEOPLE = 40;
const TOKEN = 'torture-admin-token';
const ENV = { QUIVER_ADMIN_TOKEN: TOKEN };

/** The store as seen only through its feed. */
class Copy {
  cursor = undefined;
  /** By id, the profile that it names: its ids and attributes. */
  profiles = new Map();
  /** By id, the changes that named it. */
  changes = new Map();
  twice = 0;
  #last = 0;

  /** Reads until there is nothing more. */
  async follow(url) {
    for (;;) {
      const after = this.cursor === undefined ? '' : `&after=${this.cursor}`;
      const answer = await ask(`${url}/demo/target/changes?limit=500&include=profile${after}`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      if (answer.status !== 200) throw new Error(`the feed answered ${answer.status}: ${answer.text}`);
      const page = JSON.parse(answer.text);
      for (const change of page.changes) this.#take(change);
      this.cursor = page.next;
      if (!page.more) return;
    }
  }

  #take({ cursor, profile, state, from = [] }) {
    const number = Number(cursor.split('-')[1]);
    if (number <= this.#last) this.twice += 1;
    this.#last = number;
    this.changes.set(profile.id, (this.changes.get(profile.id) ?? 0) + 1);
    for (const { id } of [profile, ...from]) this.#forget(id);
    for (const { id } of state?.ids ?? []) this.#forget(id);
    for (const { id } of state?.ids ?? []) this.profiles.set(id, state);
  }

  #forget(id) {
    for (const one of this.profiles.get(id)?.ids ?? []) this.profiles.delete(one.id);
  }
}

/** Writes until it is stopped or the server is gone; records what was acknowledged for each id. */
function startLoad(url, acknowledged) {
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  let isStopped = false;
  let count = 0;
  const note = (id) => {
    acknowledged.set(id, (acknowledged.get(id) ?? 0) + 1);
    count += 1;
  };
  async function lane(number) {
    for (let n = 0; !isStopped; n += 1) {
      const device = `device-${number}-${n % 7}`;
      const person = `person-${Math.floor(Math.random() * PEOPLE)}`;
      const attributes = { first: `${n}`, second: `${n}` };
      if (n % 3 === 0) {
        const answer = await visit(url, { tntId: device, thirdPartyId: person }, attributes, { agent });
        if (answer.status === 200) note(person);
      } else if (n % 3 === 1) {
        const answer = await visit(url, { tntId: device }, attributes, { agent });
        if (answer.status === 200) note(device);
      } else {
        const answer = await update(url, device, attributes, { agent });
        if (answer.text.includes('<success>true')) note(device);
      }
    }
  }
  const lanes = Array.from({ length: LANES }, (_, number) => lane(number).catch(() => undefined));
  return {
    get count() {
      return count;
    },
    async stop() {
      isStopped = true;
      await Promise.all(lanes);
      agent.destroy();
    },
  };
}

/** How many ids name something else in the copy than in the store. */
async function differences(url, copy, ids) {
  let count = 0;
  for (const id of ids) {
    const path = id.startsWith('person') ? `thirdPartyId/${id}` : id;
    const there = await attributesOf(url, path);
    const attributes = copy.profiles.get(id)?.attributes;
    const here = attributes && Object.fromEntries(attributes.map(({ name, value }) => [name, value]));
    const sorted = (one) => one && JSON.stringify(Object.entries(one).sort());
    if (sorted(there) !== sorted(here)) count += 1;
  }
  return count;
}

export default {
  name: 'feed',
  bar: '30 kills, 60,000 acknowledged: who follows the feed alone has the same profiles, no change twice, none missing',
  sizes: {
    short: { kills: 3, acknowledged: 2000 },
    /**
     * `minutes`: at least so long, with as many kills and writes as fit; an hour has several
     * hundred kills.
     */
    long: { kills: 30, acknowledged: 60_000, minutes: 0 },
  },
  sabotages: { 'forgotten-changes': { kills: 2, acknowledged: 1500 } },
  async run(size, { say, sabotage }) {
    const dataDir = await makeFolder('feed');
    const acknowledged = new Map();
    const copy = new Copy();
    let total = 0;
    let kills = 0;
    const longEnough = performance.now() + (size.minutes ?? 0) * 60_000;
    while (kills < size.kills || total < size.acknowledged || performance.now() < longEnough) {
      const runtime = RUNTIMES[kills % 2];
      const quiver = await startQuiver({ runtime, dataDir, flags: ['--workers', '2'], env: ENV, sabotage });
      await copy.follow(quiver.url);
      const load = startLoad(quiver.url, acknowledged);
      const target = (size.acknowledged / size.kills) * (0.6 + Math.random() * 0.9);
      // During the load as well as after it.
      await until(() => load.count >= target / 2, 60_000, 'half of the load');
      await copy.follow(quiver.url);
      await until(() => load.count >= target, 60_000, 'the load');
      await quiver.kill();
      await load.stop();
      kills += 1;
      total += load.count;
      say(`${kills} kills, ${total} acknowledged, ${copy.twice} twice`);
    }
    const last = await startQuiver({ runtime: 'bun', dataDir, env: ENV, sabotage });
    await copy.follow(last.url);
    const missing = [...acknowledged].filter(([id, count]) => (copy.changes.get(id) ?? 0) < count).length;
    const different = await differences(last.url, copy, acknowledged.keys());
    await last.stop();
    const { twice } = copy;
    return {
      seen: { kills, acknowledged: total, ids: acknowledged.size, twice, missing, different },
      isMet: twice === 0 && missing === 0 && different === 0,
    };
  },
};
