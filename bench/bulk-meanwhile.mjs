/**
 * Measures how fetches are affected by a full batch.
 *
 *   node bench/bulk-meanwhile.mjs [--runtime bun|node] [--rows 500000] [--rate 200] [--workers 2]
 *
 * It sends a fetch every few milliseconds over four kept connections, each for another profile:
 * first without other work, then while a batch of all profiles is uploaded, and while it is
 * applied. A slow fetch does not delay the next one, so a pause of the server is visible in every
 * fetch during it. Client and server share the machine's cores.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildForNode, bunPath, installPackages, ROOT, SERVER } from '../scripts/setup.mjs';

const { values: options } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'bun' },
    rows: { type: 'string', default: '500000' },
    rate: { type: 'string', default: '200' },
    workers: { type: 'string', default: '2' },
  },
});
const rows = Number(options.rows);
const rate = Number(options.rate);
const USUAL_SECONDS = 5;

installPackages();
buildForNode();
const folder = mkdtempSync(join(tmpdir(), 'quiver-meanwhile-'));
const runtime = options.runtime === 'bun' ? bunPath() : process.execPath;
const main = options.runtime === 'bun' ? join(SERVER, 'src/main.ts') : join(SERVER, 'dist/main.js');
const flags = ['--port', '0', '--data', folder, '--workers', options.workers, '--log-level', 'error'];
const server = spawn(runtime, [main, 'serve', ...flags], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
const ended = new Promise((resolve) => server.once('exit', resolve));
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

try {
  const url = await urlOf(server);
  say(`${cpus().length} cores, ${cpus()[0]?.model}; ${options.workers} workers on ${options.runtime}`);
  say(`${rows} rows, ${rate} fetches a second`);
  const [first, again] = ['first', 'again'].map(batchFile);
  await applied(await upload(url, first));
  await latencies(url, setTimeout(1000));
  const usual = await latencies(url, setTimeout(USUAL_SECONDS * 1000));
  let status;
  const uploaded = upload(url, again).then((address) => {
    status = address;
  });
  const uploading = await latencies(url, uploaded);
  const applying = await latencies(url, applied(status));
  const row = (what, times) =>
    say(
      `${what.padEnd(12)}${[times.median, times.p99, times.slowest].map((ms) => ms.toFixed(2).padStart(10)).join('')}`,
    );
  say(`\n${'ms'.padEnd(12)}${['median', 'p99', 'slowest'].map((head) => head.padStart(10)).join('')}`);
  row('usual', usual);
  row('uploading', uploading);
  row('applying', applying);
  const ratio = (times) => (times.median / usual.median).toFixed(2);
  say(`\nthe median is ${ratio(uploading)} and ${ratio(applying)} of its usual`);
} finally {
  agent.destroy();
  server.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

async function urlOf(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /API +(http:\S+)/.exec(line)?.[1];
    if (url) return url;
  }
  throw new Error('the server did not start');
}

/**
 * Sends a batch from a separate process, which does not disturb the timing of the fetches; returns
 * the URL of its status.
 */
async function upload(url, path) {
  const send = `
    const body = require('node:fs').readFileSync(process.argv[1]);
    fetch(process.argv[2], { method: 'POST', body }).then((answer) => answer.text()).then((text) => process.stdout.write(text));`;
  const target = `${url}/m2/demo/v2/profile/batchUpdate`;
  const sender = spawn(process.execPath, ['-e', send, path, target], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const piece of sender.stdout) text += piece;
  const status = /<batchStatus>([^<]+)</.exec(text)?.[1];
  if (!status) throw new Error(text);
  return status;
}

/** Writes a batch of all profiles; returns its path. */
function batchFile(value) {
  const lines = ['batch=pcId,country,plan,segment,lastOrder,score'];
  for (let n = 0; n < rows; n += 1)
    lines.push(`${idOf(n)},france,gold,segment-${n}-of-visitors,${value},${n}`);
  const path = join(folder, `${value}.batch`);
  writeFileSync(path, lines.join('\n'));
  return path;
}

/** A random id like a tntId; the same for the same number. */
function idOf(number) {
  return createHash('md5').update(String(number)).digest('hex');
}

async function applied(status) {
  while (!(await (await fetch(status)).text()).includes('<status>complete<')) await setTimeout(100);
}

/** The durations of fetches, in milliseconds, until `end` settles. */
async function latencies(url, end) {
  const times = [];
  const under = new Set();
  let running = true;
  const stopped = end.finally(() => {
    running = false;
  });
  const started = performance.now();
  for (let n = 0; running; n += 1) {
    const one = fetchOne(`${url}/rest/v1/profiles/${idOf((n * 7919) % rows)}?client=demo`);
    under.add(one);
    void one.then((ms) => times.push(ms)).finally(() => under.delete(one));
    await setTimeout(Math.max(0, started + ((n + 1) * 1000) / rate - performance.now()));
  }
  await Promise.all(under);
  await stopped;
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { median: at(0.5), p99: at(0.99), slowest: times.at(-1) };
}

function fetchOne(address) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    get(address, { agent }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - started);
        else reject(new Error(`a fetch was answered with ${response.statusCode}`));
      });
    }).once('error', reject);
  });
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
