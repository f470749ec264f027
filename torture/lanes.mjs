/**
 * Load over HTTP with a journal of what was acknowledged, kept in this process, outside the server.
 *
 * A lane is one connection that writes to one profile, one write after another: write n sets two
 * attributes, `first` and `second`, to n. So a profile whose `first` is less than the last
 * acknowledged n has lost something, and one where the two differ is torn.
 */

import { Agent, request as send } from 'node:http';

/** One request; returns the complete reply as text. Rejects when the connection breaks. */
export function ask(url, { method = 'GET', body, headers = {}, agent, timeout = 30_000 } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method, headers, agent, timeout }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      incoming.once('end', () => resolve({ status: incoming.statusCode, headers: incoming.headers, text }));
      incoming.once('error', reject);
      incoming.once('aborted', () => reject(new Error('cut short')));
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer in ${timeout} ms`)));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** A visit that sets profile parameters. */
export function visit(url, id, profileParameters, options = {}) {
  const body = JSON.stringify({
    id,
    context: { channel: 'web' },
    execute: { pageLoad: { profileParameters } },
  });
  const headers = { 'content-type': 'application/json' };
  return ask(`${url}/rest/v1/delivery?client=demo&sessionId=torture`, {
    method: 'POST',
    body,
    headers,
    ...options,
  });
}

/** A single update of an existing profile. */
export function update(url, tntId, attributes, options = {}) {
  const query = Object.entries(attributes)
    .map(([name, value]) => `profile.${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
  return ask(`${url}/m2/demo/profile/update?mboxPC=${tntId}&${query}`, { method: 'POST', ...options });
}

/** Names and values of a profile; undefined when it does not exist. */
export async function attributesOf(url, path, options = {}) {
  const { status, text } = await ask(`${url}/rest/v1/profiles/${path}?client=demo`, options);
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`a fetch was answered with ${status}: ${text}`);
  const entries = Object.entries(JSON.parse(text).profileAttributes);
  return Object.fromEntries(entries.map(([name, { value }]) => [name, value]));
}

/** What was acknowledged for each profile, over all runs of all servers. */
export class Journal {
  /** tntId → the last n that was acknowledged */
  last = new Map();
  acknowledged = 0;

  note(id, n) {
    this.last.set(id, n);
    this.acknowledged += 1;
  }
}

/**
 * Lets lanes write until they are stopped or the server is gone.
 *
 * @param name the beginning of these lanes' tntIds, so that every run has its own
 * @returns `stop`, which ends them after the current write; `done`, when all have ended; `refused`,
 *   how many writes were not acknowledged
 */
export function startLanes({ url, name, lanes, journal, padding = '' }) {
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  const state = { refused: 0, broken: 0, isStopping: false };
  const runLane = async (lane) => {
    const id = `${name}-${lane}`;
    for (let n = 1; !state.isStopping; n += 1) {
      const attributes = { first: `${n}${padding}`, second: `${n}${padding}` };
      try {
        // The first write creates the profile; then every other lane sends visits, the rest
        // updates.
        const { status, text } =
          n === 1 || lane % 2 === 0
            ? await visit(url, { tntId: id }, attributes, { agent })
            : await update(url, id, attributes, { agent });
        if (status === 200 && !text.includes('<success>false')) journal.note(id, n);
        else state.refused += 1;
      } catch {
        state.broken += 1;
        break;
      }
    }
  };
  const done = Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane))).then(() =>
    agent.destroy(),
  );
  return {
    state,
    done,
    stop() {
      state.isStopping = true;
      return done;
    },
  };
}

/**
 * How many of the profiles have lost an acknowledged write, and how many are torn, according to a
 * running server.
 */
export async function compareWithJournal(url, ids, journal) {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const seen = { lost: 0, torn: 0 };
  const queue = [...ids];
  const look = async () => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const found = await attributesOf(url, id, { agent });
      if (found === undefined || Number.parseInt(found.first, 10) < journal.last.get(id)) seen.lost += 1;
      if (found !== undefined && found.first !== found.second) seen.torn += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, look));
  agent.destroy();
  return seen;
}

export async function until(condition, ms = 30_000, what = 'a condition') {
  const end = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`${what} did not come true in ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
