/** Rows of profile scripts: what ten of them cost a visit, and what they cost a client without. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { compareRates } from './compare.mjs';
import * as contenders from './contenders.mjs';
import { ask } from './contenders.mjs';
import { turnAbout } from './load.mjs';
import { folder, stop } from './processes.mjs';

const PROFILES = 50_000;
/** Of the kinds that people write: counting, recency, groups, lists, local values. */
const SCRIPTS = {
  visits: "if (user.isNewSession) return (user.get('visits') || 0) + 1;",
  calls: "return (user.get('calls') || 0) + 1;",
  firstPage: "if (!user.get('firstPage')) return page.url || 'unknown';",
  sinceLast: `var last = user.getLocal('last');
    user.setLocal('last', new Date().getTime());
    if (last) return Math.floor((new Date().getTime() - last) / 86400000);`,
  group: `if (!user.get('group')) {
      var drawn = Math.floor(Math.random() * 3);
      return drawn === 0 ? 'a' : drawn === 1 ? 'b' : 'c';
    }`,
  cartClass: `var cart = parseFloat(profile.get('cart') || '0');
    if (cart > 60) return 'large';
    if (cart > 30) return 'medium';
    return 'small';`,
  lastPages: `var pages = user.get('lastPages') || [];
    if (typeof pages === 'string') pages = [pages];
    pages.push(profile.get('page') || 'none');
    if (pages.length > 5) pages.shift();
    return pages;`,
  orderTotal:
    "if (mbox.name === 'thanks') return (user.get('orderTotal') || 0) + parseFloat(mbox.param('orderTotal'));",
  hour: 'return new Date().getHours();',
  agent: "if (user.browser && user.browser.indexOf('Chrome') > -1) return 'chrome'; return 'other';",
};

/** One server with two clients, of which one has scripts, and one server without any. */
export async function scriptRows({ options }) {
  const clients = ['--client', 'demo', '--client', 'scripted'];
  const data = join(folder, 'scripts');
  const both = await contenders.startQuiver('bun', data, ...clients);
  const none = await contenders.startQuiver('bun', join(folder, 'no-scripts'), ...clients);
  for (const { url } of [both, none]) await contenders.fillQuiver(url, PROFILES);
  const token = readFileSync(join(data, 'admin-token'), 'utf8').trim();
  for (const [name, script] of Object.entries(SCRIPTS)) await setScript(both.url, token, name, script);
  const rows = [
    row('visit, ten profile scripts', both, 'scripted', 0.5),
    row('visit of a client without scripts, beside one with ten', both, 'demo', 0.95),
  ];
  const compared = rows.map((one) => one(none, options));
  await requireRuns(both.url, token);
  for (const { child } of [both, none]) await stop(child);
  return compared;
}

/** A row that compares the visits of a client with those of the server without scripts. */
function row(what, server, client, target) {
  return (none, options) => {
    const against = 'Quiver, nobody has scripts';
    const lua = ask.visit(PROFILES, client);
    const results = turnAbout(
      [
        { name: 'Quiver', ...server, lua },
        { name: against, ...none, lua },
      ],
      options,
    );
    return compareRates(what, results, against, target);
  };
}

async function setScript(url, token, name, script) {
  const answer = await fetch(`${url}/scripted/target/scripts/${name}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ script, enabled: true }),
  });
  if (!answer.ok) throw new Error(`script ${name} was refused: ${await answer.text()}`);
}

/** @throws Error when a script has been disabled, so that fewer than ten were measured */
async function requireRuns(url, token) {
  // Rounds block this process; let it notice which connections the server has closed meanwhile.
  await setTimeout(100);
  for (const name of Object.keys(SCRIPTS)) {
    const answer = await fetch(`${url}/scripted/target/scripts/${name}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { state, reason, runs, lastError } = await answer.json();
    if (state !== 'active' || runs === 0 || lastError)
      throw new Error(`script ${name}: ${state}, ${runs} runs, ${reason ?? lastError}`);
  }
}
