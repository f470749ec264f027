/**
 * `npm run torture [name…]`: tests that take too long for `npm test`. Each torture is bounded and
 * stops by itself. It prints its bar and what it has seen; the exit code is 1 if one missed its
 * bar.
 *
 *   --short             the sizes that are part of `npm test`
 *   --minutes <n>       at least so long, for tortures that can be of any length (feed)
 *   --prove             each torture on a correct server, and on servers with a sabotage, where it
 *                       must miss its bar
 *   --sabotage <name>   one torture on a server with one sabotage
 *   --keep              writes the results to torture/results/<date>.json, and docs/torture.md from
 *                       them
 *   --list              names and bars
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildForNode, bunPath, installPackages } from '../scripts/setup.mjs';
import { writeReport } from './report.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const NAMES = [
  'kill',
  'bulk-kill',
  'full-disk',
  'small-disk',
  'damage',
  'upkeep-kill',
  'power-cut',
  'many-ids',
  'wide-batch',
  'stop',
  'one-person',
  'feed',
  'fresh-reads',
  'model',
  'model-redis',
  'expiry',
  'backup',
  'restore-race',
  'port-race',
  'stopped-holder',
  'stopped-worker',
  'hostile-http',
  'scripts',
  'idle-clients',
  'http-differential',
  'fuzz',
  'expressions',
  'settings',
  'browser',
  'proxy',
  'redis-nodes',
];

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean' },
    prove: { type: 'boolean' },
    keep: { type: 'boolean' },
    list: { type: 'boolean' },
    sabotage: { type: 'string' },
    minutes: { type: 'string' },
    built: { type: 'boolean' },
  },
});
const unknown = positionals.find((name) => !NAMES.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`torture: there is no torture ${unknown}; there are ${NAMES.join(', ')}\n`);
  process.exit(2);
}
if (!flags.built) {
  installPackages();
  buildForNode();
}
const { removeFolders } = await import('./quiver-process.mjs');
const names = positionals.length > 0 ? positionals : NAMES;
const tortures = await Promise.all(names.map(async (name) => (await import(`./${name}.mjs`)).default));
if (flags.minutes !== undefined) {
  const timeless = tortures.find(({ sizes }) => sizes.long.minutes === undefined);
  if (timeless !== undefined || !(Number(flags.minutes) > 0)) {
    const why = timeless ? `${timeless.name} has a length of its own` : 'it must be a number above 0';
    process.stderr.write(`torture: --minutes ${flags.minutes}: ${why}\n`);
    process.exit(2);
  }
}
const print = (text) => process.stdout.write(`${text}\n`);

let failed = 0;
const results = [];
for (const torture of tortures) {
  if (flags.list) print(`${torture.name.padEnd(14)} ${torture.bar}`);
  else if (flags.prove) failed += prove(torture);
  else failed += (await run(torture)) ? 0 : 1;
}
if (flags.keep) keep();
// Open handles of a torture that failed must not delay the exit.
process.exit(failed === 0 ? 0 : 1);

/** Runs one torture; returns whether it met its bar or had to be left out. */
async function run(torture) {
  const size = {
    ...(flags.sabotage ? torture.sabotages[flags.sabotage] : torture.sizes[flags.short ? 'short' : 'long']),
    ...(flags.minutes !== undefined && { minutes: Number(flags.minutes) }),
  };
  print(
    `\n== ${torture.name}${flags.sabotage ? `, sabotaged: ${flags.sabotage}` : ''}\n   bar   ${torture.bar}`,
  );
  const started = performance.now();
  const say = (text) => process.stderr.write(`         ${text}\n`);
  let outcome;
  try {
    outcome = await torture.run(size, { say, sabotage: flags.sabotage });
  } catch (error) {
    outcome = { seen: {}, problems: [error.stack], isMet: false };
  } finally {
    await removeFolders();
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  const { seen = {}, problems = [], skipped, isMet } = outcome;
  const verdict = skipped ? `left out: ${skipped}` : isMet ? 'met' : 'MISSED';
  print(
    `   seen  ${Object.entries(seen)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
  );
  for (const problem of problems.slice(0, 20)) print(`   !     ${problem}`);
  print(`   ${verdict} (${seconds} s)`);
  results.push({
    name: torture.name,
    bar: torture.bar,
    size,
    seen,
    verdict,
    seconds,
    problems: problems.slice(0, 20),
  });
  return Boolean(skipped) || isMet;
}

/**
 * Runs a torture on a correct server, where it must meet its bar, and with each of its sabotages,
 * where it must miss it; each in a separate process. Returns how many went wrong.
 */
function prove(torture) {
  let wrong = 0;
  for (const sabotage of [undefined, ...Object.keys(torture.sabotages)]) {
    const how = sabotage === undefined ? ['--short'] : ['--sabotage', sabotage];
    const args = [join(HERE, 'torture.mjs'), '--built', ...how, torture.name];
    const { stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const verdict = /^ {3}(met|MISSED|left out)/m.exec(stdout)?.[1] ?? 'no end';
    const expected = sabotage === undefined ? 'met' : 'MISSED';
    const isRight = verdict === expected || verdict === 'left out';
    const seen = /^ +seen +(.*)$/m.exec(stdout)?.[1] ?? stdout.trim();
    const problem = /^ +! +(.*)$/m.exec(stdout)?.[1] ?? '';
    print(`${isRight ? 'right' : 'WRONG'}  ${torture.name}, ${sabotage ?? 'not sabotaged'}: ${verdict}`);
    print(`       ${seen}${problem && `\n       ${problem}`}`);
    results.push({ name: torture.name, sabotage: sabotage ?? 'none', verdict, isRight, seen, problem });
    if (!isRight) wrong += 1;
  }
  return wrong;
}

/** Adds to the results of the day, replacing earlier results of the same torture. */
function keep() {
  const folder = join(HERE, 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${new Date().toISOString().slice(0, 10)}.json`);
  let before = { tortures: [], proofs: [] };
  try {
    before = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // The first results of the day.
  }
  const kind = flags.prove ? 'proofs' : 'tortures';
  const key = (one) => `${one.name} ${one.sabotage ?? ''}`;
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: HERE,
    encoding: 'utf8',
  }).stdout.trim();
  const isNew = new Set(results.map(key));
  const merged = [
    ...before[kind].filter((one) => !isNew.has(key(one))),
    ...results.map((one) => ({ commit, ...one })),
  ];
  const machine = {
    cores: availableParallelism(),
    processor: cpus()[0]?.model,
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    node: process.version,
    bun: bunPath() ? spawnSync(bunPath(), ['--version'], { encoding: 'utf8' }).stdout.trim() : undefined,
  };
  const all = { machine, ...before, [kind]: merged };
  writeFileSync(file, `${JSON.stringify(all, undefined, 2)}\n`);
  writeReport(all, `torture/results/${basename(file)}`);
}
