/** Rows of the sandbox: what a test waits for, and what the journal of calls costs. */

import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareLess, compareRates, withLimit } from './compare.mjs';
import * as contenders from './contenders.mjs';
import { turnAbout } from './load.mjs';
import { folder, stop } from './processes.mjs';

const { ask } = contenders;
const HERE = dirname(fileURLToPath(import.meta.url));
const STARTS = 7;
const PROFILES = 20_000;

export async function sandboxRows({ options }) {
  const times = { quiver: [], msw: [] };
  for (let round = 0; round < STARTS; round += 1)
    for (const name of ['quiver', 'msw']) times[name].push(timesOf(name));
  const ready = (name) => times[name].map((one) => one.ready);
  const resets = times.quiver.map(({ resets: all }) => all.toSorted((a, b) => a - b)[all.length >> 1]);
  const seeded = times.quiver.map((one) => one.seeded);
  return [
    withLimit(
      compareLess(
        'startSandbox until it serves, imported before',
        'ms',
        'MSW',
        ready('quiver'),
        ready('msw'),
      ),
      150,
    ),
    withLimit(compareLess('back to a seed of 1000 profiles', 'ms', 'seeding them', resets, seeded), 5),
    ...(await journalRows(options)),
  ];
}

function timesOf(name) {
  const args = [join(HERE, 'start-in-process.mjs'), name];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

/** Visits with the journal of calls, against a server without it. */
async function journalRows(options) {
  const against = 'Quiver without it';
  const on = await contenders.startQuiver('bun', join(folder, 'journal-on'), '--journal', '1000');
  const off = await contenders.startQuiver('bun', join(folder, 'journal-off'));
  for (const { url } of [on, off]) await contenders.fillQuiver(url, PROFILES);
  const results = turnAbout(
    [
      { name: 'Quiver', ...on, lua: ask.visit(PROFILES) },
      { name: against, ...off, lua: ask.visit(PROFILES) },
    ],
    options,
  );
  for (const { child } of [on, off]) await stop(child);
  return [compareRates('visit, with a journal of the last 1000 calls', results, against, 0.9)];
}
