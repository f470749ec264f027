/**
 * Measures a full batch against PostgreSQL and Redis, which get the same rows on the same machine,
 * taking turns.
 *
 *   node bench/bulk.mjs [--runtime bun|node] [--rows 500000] [--rounds 1]
 *                       [--only quiver|postgresql|redis|engine]
 *
 * Five attributes per row, random ids; all profiles are created, then all are updated. The bytes
 * that Quiver writes are reported too.
 *
 *   Quiver       from the first byte of the POST until the status is complete; every step on disk
 *   PostgreSQL   COPY into a staging table, then an upsert that merges into a jsonb column; from
 *                the start of the COPY to the commit, with synchronous_commit on
 *   Redis        `redis-cli --pipe` with one HSET per row, AOF everysec, so up to a second of it is
 *                not on disk yet when it is done
 *   Engine       the embedded engine alone, `bare-engine.mjs`, on the runtime of Quiver
 *
 * Each runs alone, on loopback, in a temporary folder, and anew in every round; for several rounds
 * the medians are reported. Programs that are not installed are left out with a message.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildForNode, bunPath, installPackages, ROOT, SERVER } from '../scripts/setup.mjs';
import { bytesWritten, cleanUp, family, folder, freePort, has, say, start, stop } from './processes.mjs';

const { values: options } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'bun' },
    rows: { type: 'string', default: '500000' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const rows = Number(options.rows);
const NAMES = ['country', 'plan', 'segment', 'lastOrder', 'score'];

installPackages();
buildForNode();
const results = {};

try {
  const files = ['first', 'again'].map((round) => {
    const path = join(folder, `${round}.batch`);
    writeFileSync(path, batchOf(round));
    return path;
  });
  const { version } = JSON.parse(readFileSync(join(SERVER, 'package.json'), 'utf8'));
  say(`${rows} rows of ${NAMES.length} attributes, ${(statSync(files[0]).size / 1e6).toFixed(1)} MB a file`);
  say(
    `${cpus().length} cores, ${cpus()[0]?.model}; Node ${process.versions.node}, Quiver ${version} on ${options.runtime}`,
  );
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const [name, measure] of [
      ['Quiver', quiver],
      ['PostgreSQL', postgres],
      ['Redis', redis],
      ['Engine', engine],
    ]) {
      if (options.only !== undefined && options.only.toLowerCase() !== name.toLowerCase()) continue;
      const seconds = await measure(files, join(folder, `${name}-${round}`));
      if (seconds) results[name] = [...(results[name] ?? []), seconds];
    }
  }
  print();
} finally {
  await cleanUp();
}

/** About 92 bytes per row, with random ids like tntIds; the same ids in both rounds. */
function batchOf(round) {
  const add = round === 'first' ? 0 : 7;
  const lines = [`batch=pcId,${NAMES.join(',')}`];
  for (let n = 0; n < rows; n += 1) {
    const id = createHash('md5').update(String(n)).digest('hex');
    const values = [
      ['france', 'germany', 'japan', 'brazil'][(n + add) % 4],
      ['gold', 'silver', 'bronze'][(n + add) % 3],
      `segment-${(n + add) % 5000}-of-${(n * 31) % 97}`,
      `2026-08-18T17:53:${String((n + add) % 60).padStart(2, '0')}Z`,
      String(((n + add) * 7919) % 100_000),
    ];
    lines.push(`${id},${values.join(',')}`);
  }
  return `${lines.join('\n')}\n`;
}

async function quiver(files, data) {
  const runtime = options.runtime === 'bun' ? bunPath() : process.execPath;
  const main = options.runtime === 'bun' ? join(SERVER, 'src/main.ts') : join(SERVER, 'dist/main.js');
  const child = start(runtime, [main, 'serve', '--port', '0', '--data', data, '--log-level', 'error'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let url;
  for await (const line of createInterface({ input: child.stdout })) {
    url = /API +(http:\S+)/.exec(line)?.[1];
    if (url) break;
  }
  const seconds = [];
  for (const file of files) {
    const body = readFileSync(file);
    const before = bytesWritten(family(child.pid));
    const started = performance.now();
    const answer = await fetch(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body });
    const text = await answer.text();
    const status = /<batchStatus>([^<]+)</.exec(text)?.[1];
    if (!status) throw new Error(text);
    const accepted = (performance.now() - started) / 1000;
    let details = '';
    while (!details.includes('<status>complete<')) {
      await setTimeout(20);
      details = await (await fetch(`${status}&showDetails=true`)).text();
    }
    seconds.push((performance.now() - started) / 1000);
    if (!details.includes(`<successfulUpdates>${rows}<`)) throw new Error(details);
    const each = Math.round((bytesWritten(family(child.pid)) - before) / rows);
    say(
      `Quiver: ${seconds.at(-1).toFixed(2)} s, ${accepted.toFixed(2)} s of it until accepted; ${each} bytes written a row`,
    );
  }
  await stop(child);
  return seconds;
}

async function postgres(files, data) {
  if (!has('initdb') || !has('postgres') || !has('psql')) {
    return say('PostgreSQL is left out: initdb, postgres and psql are not all on the path');
  }
  // PostgreSQL does not run as root.
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') } : {};
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) {
    chownSync(data, as.uid, as.gid);
    execFileSync('chmod', ['755', folder]);
  }
  execFileSync('initdb', ['-D', data, '-U', 'bench', '-A', 'trust'], { ...as, cwd: '/', stdio: 'ignore' });
  const port = String(await freePort());
  const settings = ['shared_buffers=512MB', 'max_wal_size=4GB', `unix_socket_directories=${data}`];
  const flags = ['-D', data, '-h', '127.0.0.1', '-p', port, ...settings.flatMap((one) => ['-c', one])];
  const child = start('postgres', flags, { ...as, cwd: '/', stdio: 'ignore' });
  const psql = ['-h', '127.0.0.1', '-p', port, '-U', 'bench', '-d', 'postgres', '-qv', 'ON_ERROR_STOP=1'];
  while (spawnSync('psql', [...psql, '-c', 'select 1'], { stdio: 'ignore' }).status !== 0)
    await setTimeout(50);
  const columns = ['id', ...NAMES.map((name) => `"${name}"`)];
  const pairs = NAMES.map((name) => `'${name}', "${name}"`).join(', ');
  const sql = (text) =>
    execFileSync('psql', [...psql, '-c', text], { stdio: ['ignore', 'ignore', 'inherit'] });
  sql('create table profile (id text primary key, attributes jsonb not null, modified timestamptz not null)');
  const seconds = [];
  for (const [round, file] of files.entries()) {
    const csv = join(folder, `${round}.csv`);
    const text = readFileSync(file, 'utf8');
    writeFileSync(csv, text.slice(text.indexOf('\n') + 1));
    // Like a batch, whose sender does not know which profiles exist.
    const onConflict =
      'on conflict (id) do update set attributes = profile.attributes || excluded.attributes, modified = now()';
    const script = join(folder, `${round}.sql`);
    writeFileSync(
      script,
      `begin;
create temp table staging (${columns.map((name) => `${name} text`).join(', ')}) on commit drop;
\\copy staging from '${csv}' csv
insert into profile select id, jsonb_build_object(${pairs}), now() from staging ${onConflict};
commit;
`,
    );
    const started = performance.now();
    execFileSync('psql', [...psql, '-f', script], { stdio: ['ignore', 'ignore', 'inherit'] });
    seconds.push((performance.now() - started) / 1000);
    say(`PostgreSQL: ${seconds.at(-1).toFixed(2)} s`);
  }
  await stop(child, 'SIGINT');
  return seconds;
}

async function redis(files, data) {
  if (!has('redis-server') || !has('redis-cli')) {
    return say('Redis is left out: redis-server and redis-cli are not both on the path');
  }
  mkdirSync(data);
  const port = String(await freePort());
  const flags = ['--port', port, '--bind', '127.0.0.1', '--dir', data, '--appendonly', 'yes', '--save', ''];
  const child = start('redis-server', [...flags, '--appendfsync', 'everysec'], { stdio: 'ignore' });
  while (spawnSync('redis-cli', ['-p', port, 'ping'], { encoding: 'utf8' }).stdout !== 'PONG\n')
    await setTimeout(50);
  const seconds = [];
  for (const [round, file] of files.entries()) {
    const commands = join(folder, `${round}.resp`);
    writeFileSync(commands, commandsOf(file));
    const started = performance.now();
    const options = { stdio: [openSync(commands, 'r'), 'ignore', 'inherit'] };
    execFileSync('redis-cli', ['-p', port, '--pipe'], options);
    seconds.push((performance.now() - started) / 1000);
    say(`Redis: ${seconds.at(-1).toFixed(2)} s`);
  }
  await stop(child);
  return seconds;
}

async function engine(files, data) {
  const runtime = options.runtime === 'bun' ? bunPath() : process.execPath;
  const args = [join(ROOT, 'bench/bare-engine.mjs'), data, ...files];
  const seconds = JSON.parse(execFileSync(runtime, args, { encoding: 'utf8' }));
  for (const one of seconds) say(`Engine: ${one.toFixed(2)} s`);
  return seconds;
}

/** The rows of a file as HSET, in Redis' own protocol. */
function commandsOf(file) {
  const word = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(1);
  const head = `*${2 + 2 * NAMES.length}\r\n${word('HSET')}`;
  return lines
    .map((line) => {
      const [id, ...values] = line.split(',');
      return head + word(id) + values.map((value, at) => word(NAMES[at]) + word(value)).join('');
    })
    .join('');
}

/** Seconds as medians; ratios as medians of those within each round. */
function print() {
  say(`\n${'seconds'.padEnd(12)}${'first'.padStart(8)}${'again'.padStart(8)}   Quiver takes`);
  for (const [name, rounds] of Object.entries(results)) {
    const seconds = [0, 1].map((file) => median(rounds.map((one) => one[file])));
    const shown = seconds.map((one) => one.toFixed(2).padStart(8)).join('');
    const ratios = [0, 1].map((file) =>
      median((results.Quiver ?? []).map((one, round) => one[file] / rounds[round][file])).toFixed(2),
    );
    say(
      `${name.padEnd(12)}${shown}   ${name === 'Quiver' || !results.Quiver ? '' : `${ratios.join(' and ')} of it`}`,
    );
  }
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

function idOf(flag, user) {
  return Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
}
