/**
 * Measures what Quiver claims to be fast at, against alternatives.
 *
 *   npm run bench -- [--quick] [--only fetch,writes] [--profiles 1000000] [--rounds 5]
 *                    [--seconds 3] [--connections 64] [--bulk-rounds 5]
 *                    [--large-profiles 10000000] [--steady-seconds 300] [--no-save]
 *
 * The steps are listed below (STEPS); all of them take more than an hour. `--only` measures some of
 * them and keeps the previous results of the others.
 *
 * Contenders are loaded in turns, and the ratio is computed for each round, so that other work of
 * the machine affects both. Everything runs on loopback and in a temporary folder, is limited, and
 * is removed at the end. Missing programs are installed from Debian where possible; otherwise their
 * rows are left out with a message. The table goes to standard output and all results to
 * `bench/results/latest.json`, from which `bench/report.mjs` creates `docs/benchmarks.md` and its
 * chart.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
    'large-profiles': { type: 'string' },
    'steady-seconds': { type: 'string' },
    only: { type: 'string' },
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
  largeProfiles: Number(flags['large-profiles'] ?? quick(10_000_000, 600_000)),
  steadySeconds: Number(flags['steady-seconds'] ?? quick(300, 5)),
  slowestSeconds: quick(10, 3),
};
const profiles = Number(flags.profiles ?? quick(1_000_000, 20_000));

/** Programs, with the Debian package of each. */
const PROGRAMS = {
  wrk: 'wrk',
  nginx: 'nginx-light',
  webdis: 'webdis',
  'redis-server': 'redis-server',
  postgres: 'postgresql',
  initdb: 'postgresql',
  pg_dump: 'postgresql-client',
  curl: 'curl',
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
const sizeRows = await import('./size-rows.mjs');
const storeRows = await import('./store-rows.mjs');
const { sandboxRows } = await import('./sandbox-rows.mjs');
const { scriptRows } = await import('./script-rows.mjs');

/**
 * The steps, in order. Those of the first list share one large store; those of the second start
 * what they need.
 */
const STEPS = {
  fetch: rows.fetchRow,
  node: rows.nodeRow,
  start: rows.startRow,
  space: rows.spaceRow,
  growth: rows.growthRow,
  visitor: rows.visitorRow,
  writes: rows.writeRows,
  mixed: clusterRows.mixedRow,
  slowest: sizeRows.slowestRow,
  workers: clusterRows.workersRow,
  list: storeRows.listRows,
  export: storeRows.exportRows,
};
const STEPS_ALONE = {
  bulk: rows.bulkRow,
  large: sizeRows.largeRows,
  sizes: sizeRows.profileSizeRows,
  steady: sizeRows.steadyRow,
  feed: storeRows.feedRows,
  sandbox: sandboxRows,
  scripts: scriptRows,
  cluster: clusterRows.clusterRow,
};
const ALL = [...Object.keys(STEPS), ...Object.keys(STEPS_ALONE)];
const wanted = new Set(flags.only?.split(',') ?? ALL);
for (const name of wanted)
  if (!ALL.includes(name)) {
    process.stderr.write(`bench has no step ${name}; it has ${ALL.join(', ')}\n`);
    process.exit(2);
  }

const resultsFile = join(ROOT, 'bench/results/latest.json');
const run = { options, profiles, wanted, has: present };
const measured = {};
try {
  if (Object.keys(STEPS).some((name) => wanted.has(name))) await rows.prepare(run);
  for (const [name, measure] of Object.entries(STEPS)) await take(name, measure);
} finally {
  await cleanUp();
}
for (const [name, measure] of Object.entries(STEPS_ALONE)) {
  mkdirSync(benchFolder, { recursive: true });
  try {
    await take(name, measure);
  } finally {
    await cleanUp();
  }
}
say(`\n${tableOf(Object.values(measured).flatMap(({ comparisons }) => comparisons))}`);

/**
 * Measures a step if it was requested, and saves its results at once, so that a later failure does
 * not lose them.
 */
async function take(name, measure) {
  if (!wanted.has(name)) return;
  say(`measuring: ${name}`);
  const began = Date.now();
  if (name === 'writes') await rows.prepareWrites(run);
  const comparisons = await measure(run);
  for (const { what, against, ratio } of comparisons)
    say(`  ${what}, against ${against}: ${ratio.median.toFixed(2)}`);
  measured[name] = {
    date: new Date(began).toISOString(),
    commit: commit(),
    configuration: { ...options, profiles },
    seconds: Math.round((Date.now() - began) / 1000),
    load: loadavg()[0],
    comparisons,
  };
  if (!flags['no-save']) save();
}

/**
 * Writes the results of this run together with earlier results of other steps, in the order of the
 * steps.
 */
function save() {
  const before = existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')).steps : {};
  const together = { ...before, ...measured };
  const results = {
    machine: machine(),
    versions: versions(),
    configuration: { ...options, profiles },
    leftOut,
    steps: Object.fromEntries(ALL.filter((name) => together[name]).map((name) => [name, together[name]])),
  };
  mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`);
  writeReport(results, 'bench/results/latest.json');
}

function commit() {
  return spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
}

/** Finds the programs, after trying to install the missing ones. */
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
