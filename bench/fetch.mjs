/**
 * How fast a fetch is, against a constant answer of the same size from the same bare runtime; load from `wrk`, turn about.
 *
 *   node bench/fetch.mjs [--runtime bun|node] [--profiles 100000] [--rounds 5] [--seconds 3] [--connections 64]
 *
 * One process serves, so that what is compared is the work for one request. Two ratios are printed: requests a second, and
 * processor time a request, which does not mind what else the machine is doing.
 */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { buildForNode, bunPath, installPackages, ROOT, SERVER } from '../scripts/setup.mjs';

const { values: options } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'bun' },
    profiles: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
  },
});
const profiles = Number(options.profiles);

if (spawnSync('wrk', ['-v'], { stdio: 'ignore' }).error) {
  process.stderr.write('bench/fetch needs wrk (Debian: apt-get install wrk)\n');
  process.exit(1);
}
installPackages();
buildForNode();
const runtime = options.runtime === 'bun' ? bunPath() : process.execPath;
const main = options.runtime === 'bun' ? join(SERVER, 'src/main.ts') : join(SERVER, 'dist/main.js');
const folder = mkdtempSync(join(tmpdir(), 'quiver-bench-'));
const children = [];

try {
  await seed();
  const quiver = await start(
    [main, 'serve', '--port', '0', '--workers', '1', '--data', folder, '--log-level', 'error'],
    /API +(http:\S+)/,
  );
  const server = workerOf(quiver.pid);
  const sample = await (await fetch(`${quiver.match}/rest/v1/profiles/${idOf(0)}`)).arrayBuffer();
  const constant = await start(
    [join(ROOT, 'bench/constant-answer.mjs'), String(sample.byteLength)],
    /^(\d+)$/,
  );
  const constantUrl = `http://127.0.0.1:${constant.match}`;

  const rounds = [];
  for (let round = 0; round <= Number(options.rounds); round += 1) {
    const bare = load(constantUrl, constant.pid);
    const fetched = load(quiver.match, server);
    // The first round warms both up.
    if (round > 0) rounds.push({ bare, fetched });
  }
  print(rounds, sample.byteLength);
} finally {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.map((child) => new Promise((resolve) => child.once('exit', resolve))));
  rmSync(folder, { recursive: true, force: true });
}

function idOf(index) {
  return `${((index * 2654435761) % 4294967296).toString(16).padStart(8, '0')}${'0'.repeat(24)}`;
}

/** Writes the profiles, ten attributes each, through the store itself. */
async function seed() {
  const { openLmdbStores } = await import(join(SERVER, 'dist/storage/lmdb/open-lmdb-stores.js'));
  const stores = await openLmdbStores({ path: join(folder, 'store') });
  const moment = { now: Date.now(), lifetimeDays: 14 };
  const settings = new Map(Array.from({ length: 10 }, (_, n) => [`attribute${n}`, `value ${n} of it`]));
  for (let first = 0; first < profiles; first += 1000) {
    await Promise.all(
      Array.from({ length: Math.min(1000, profiles - first) }, (_, n) =>
        stores.profiles.update('demo', { kind: 'tntId', value: idOf(first + n) }, settings, moment, true),
      ),
    );
  }
  await stores.close();
}

/** Starts a program on the runtime and waits for the line that tells where it listens. */
async function start(args, pattern) {
  const child = spawn(runtime, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const match = pattern.exec(line)?.[1];
    if (match) return { pid: child.pid, match };
  }
  throw new Error(`${args[0]} did not start`);
}

/** The one worker of a supervisor. */
function workerOf(pid) {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').at(-1));
}

/** Processor time of a process so far, in seconds. */
function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function load(url, pid) {
  const script = join(folder, 'ids.lua');
  writeFileSync(
    script,
    `request = function()
  local id = string.format("%08x%s", (math.random(0, ${profiles - 1}) * 2654435761) % 4294967296, string.rep("0", 24))
  return wrk.format("GET", "/rest/v1/profiles/" .. id .. "?client=demo")
end`,
  );
  const before = processorTime(pid);
  const { stdout } = spawnSync(
    'wrk',
    ['-t1', `-c${options.connections}`, `-d${options.seconds}s`, '-s', script, url],
    { encoding: 'utf8' },
  );
  if (/Non-2xx/.test(stdout)) throw new Error(stdout);
  const requests = Number(/(\d+) requests in/.exec(stdout)[1]);
  return {
    rate: Number(/Requests\/sec: +([\d.]+)/.exec(stdout)[1]),
    micros: ((processorTime(pid) - before) / requests) * 1e6,
  };
}

function print(rounds, bytes) {
  const version = spawnSync(runtime, ['--version'], { encoding: 'utf8' }).stdout.trim();
  const rates = rounds.map(({ bare, fetched }) => fetched.rate / bare.rate);
  const times = rounds.map(({ bare, fetched }) => bare.micros / fetched.micros);
  const line = (name, values, digits) =>
    `${name.padEnd(46)} ${median(values).toFixed(digits)}   (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})\n`;
  process.stdout.write(
    `${options.runtime} ${version}, ${cpus().length} × ${cpus()[0].model}, ${profiles} profiles, ${bytes} bytes a reply, ` +
      `${options.connections} connections, ${rounds.length} rounds of ${options.seconds} s, one serving process\n\n` +
      line(
        'constant answer, requests/s',
        rounds.map(({ bare }) => bare.rate),
        0,
      ) +
      line(
        'fetch, requests/s',
        rounds.map(({ fetched }) => fetched.rate),
        0,
      ) +
      line(
        'constant answer, µs of processor a request',
        rounds.map(({ bare }) => bare.micros),
        1,
      ) +
      line(
        'fetch, µs of processor a request',
        rounds.map(({ fetched }) => fetched.micros),
        1,
      ) +
      line('ratio of requests/s', rates, 2) +
      line('ratio of processor time', times, 2),
  );
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
