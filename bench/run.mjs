/**
 * Everything that Quiver claims to be fast at, against what one would use instead, in one run.
 *
 *   npm run bench -- [--quick] [--profiles 1000000] [--rounds 5] [--seconds 3] [--connections 64] [--bulk-rounds 5] [--ten-million]
 *                    [--only fetch,node,writes,bulk,start,space,growth,visitor,mixed] [--no-save]
 *
 * `--only workers,cluster` measures several workers, and the engine on a Redis Cluster.
 *
 * Whoever is compared is loaded in turn, round after round, and the ratio is taken round by round: what else the machine does hits both.
 * Everything runs on loopback and in a temporary folder, is bounded, and is gone at the end. What is missing is installed from Debian
 * where that is possible, else left out with a sentence. The table goes to the standard output, all figures to
 * `bench/results/<date>.json`, and out of them come `docs/benchmarks.md` and its chart (`bench/report.mjs`).
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildForNode, bunPath, installPackages, ROOT, SERVER } from '../scripts/setup.mjs';
import { folder as benchFolder, cleanUp, has, say } from './processes.mjs';
import { tableOf, writeReport } from './report.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    profiles: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string', default: '64' },
    'bulk-rounds': { type: 'string' },
    'ten-million': { type: 'boolean', default: false },
    only: {
      type: 'string',
      default: 'fetch,node,writes,bulk,start,space,growth,visitor,mixed,workers,cluster',
    },
    'no-save': { type: 'boolean', default: false },
  },
});
const quick = (ordinary, short) => (flags.quick ? short : ordinary);
const options = {
  rounds: Number(flags.rounds ?? quick(5, 3)),
  seconds: Number(flags.seconds ?? quick(3, 1)),
  connections: Number(flags.connections),
  bulkRounds: Number(flags['bulk-rounds'] ?? quick(5, 1)),
  bulkRows: quick(500_000, 50_000),
  longSeconds: quick(30, 5),
  clusterRows: quick(500_000, 20_000),
};
const profiles = flags['ten-million'] ? 10_000_000 : Number(flags.profiles ?? quick(1_000_000, 20_000));
const wanted = new Set(flags.only.split(','));

/** Programs, and the Debian package that has each. */
const PROGRAMS = {
  wrk: 'wrk',
  nginx: 'nginx-light',
  webdis: 'webdis',
  'redis-server': 'redis-server',
  postgres: 'postgresql',
  initdb: 'postgresql',
};

installPackages();
buildForNode();
const present = findPrograms();
const leftOut = Object.keys(PROGRAMS).filter((program) => !present[program]);
if (!present.wrk || !bunPath()) {
  process.stderr.write('bench needs wrk (Debian: apt-get install wrk) and a platform on which Bun runs\n');
  process.exit(1);
}
process.once('SIGINT', () => cleanUp().then(() => process.exit(130)));

const rows = await import('./rows.mjs');
const clusterRows = await import('./cluster-rows.mjs');
const run = { options, profiles, wanted, has: present };
const comparisons = [];
const began = new Date();
try {
  const steps = [
    ['fetch', rows.fetchRow],
    ['node', rows.nodeRow],
    ['start', rows.startRow],
    ['space', rows.spaceRow],
    ['growth', rows.growthRow],
    ['visitor', rows.visitorRow],
    ['writes', rows.writeRows],
    ['mixed', clusterRows.mixedRow],
    ['workers', clusterRows.workersRow],
  ].filter(([name]) => wanted.has(name));
  if (steps.length > 0) await rows.prepare(run);
  for (const [name, measure] of steps) {
    say(`measuring: ${name}`);
    if (name === 'writes') await rows.prepareWrites(run);
    await keep(await measure(run));
  }
} finally {
  await cleanUp();
}
if (wanted.has('cluster')) {
  say('measuring: cluster');
  try {
    mkdirSync(benchFolder, { recursive: true });
    await keep(await clusterRows.clusterRow(run));
  } finally {
    await cleanUp();
  }
}
if (wanted.has('bulk')) {
  say('measuring: bulk');
  await keep(rows.bulkRow(run));
}

const results = {
  date: began.toISOString(),
  machine: machine(),
  versions: versions(),
  configuration: { ...options, profiles, replyBytes: run.replyBytes },
  leftOut,
  comparisons,
};
say(`\n${tableOf(results)}`);
say(`\n${Math.round((Date.now() - began) / 1000)} s in all`);
if (!flags['no-save']) {
  const folder = join(ROOT, 'bench/results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${results.date.slice(0, 10)}.json`);
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  writeReport(results, `bench/results/${results.date.slice(0, 10)}.json`);
  say(`\n${file}`);
}

async function keep(found) {
  comparisons.push(...found);
  for (const { what, against, ratio } of found)
    say(`  ${what}, against ${against}: ${ratio.median.toFixed(2)}`);
}

/** Which programs there are, after an attempt to install those that are missing. */
function findPrograms() {
  const missing = Object.keys(PROGRAMS).filter((program) => !isThere(program));
  if (missing.length > 0 && process.getuid?.() === 0 && has('apt-get')) {
    const packages = [...new Set(missing.map((program) => PROGRAMS[program]))];
    say(`installing ${packages.join(', ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { stdio: 'ignore', env });
  }
  const found = Object.fromEntries(Object.keys(PROGRAMS).map((program) => [program, isThere(program)]));
  for (const program in found)
    if (!found[program]) say(`${program} is not installed: what needs it is left out`);
  return found;
}

function isThere(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

function machine() {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? '',
    memory,
    kernel: release(),
    load: loadavg(),
  };
}

function versions() {
  const firstOf = (command, flag, pattern) => {
    const { stdout, stderr } = spawnSync(command, [flag], { encoding: 'utf8' });
    return pattern.exec(`${stdout}${stderr}`)?.[1];
  };
  const ofPackage = (name) =>
    JSON.parse(readFileSync(join(ROOT, `node_modules/${name}/package.json`), 'utf8')).version;
  return {
    quiver: JSON.parse(readFileSync(join(SERVER, 'package.json'), 'utf8')).version,
    bun: firstOf(bunPath(), '--version', /(\S+)/),
    node: process.versions.node,
    nginx: present.nginx && firstOf('nginx', '-v', /nginx\/(\S+)/),
    redis: present['redis-server'] && firstOf('redis-server', '--version', /v=(\S+)/),
    postgresql: present.postgres && firstOf('postgres', '--version', /([\d.]+)/),
    fastify: ofPackage('fastify'),
    express: ofPackage('express'),
    wrk: firstOf('wrk', '-v', /wrk (?:debian\/)?(\S+)/),
  };
}
