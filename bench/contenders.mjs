/**
 * The programs that are measured: how each is started, filled and called. One serving process or
 * thread each, so that they are comparable.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bunPath, SERVER } from '../scripts/setup.mjs';
import { answers, family, folder, freePort, start, startAndRead, until } from './processes.mjs';
import { batches, luaId, postgresRows, redisCommands } from './profiles.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/**
 * Starts Quiver with one worker on `data`, unless `more` flags say otherwise; `seconds` is the time
 * until it was ready.
 */
export async function startQuiver(runtime, data, ...more) {
  const [command, main] =
    runtime === 'bun'
      ? [bunPath(), join(SERVER, 'src/main.ts')]
      : [process.execPath, join(SERVER, 'dist/main.js')];
  const port = await freePort();
  const started = performance.now();
  const flags = ['--port', String(port), '--data', data, '--log-level', 'error', ...more];
  if (!more.includes('--workers')) flags.push('--workers', '1');
  const child = start(command, [main, 'serve', ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await until(() => answers(`${url}/readyz`), 'Quiver to be ready');
  const seconds = (performance.now() - started) / 1000;
  return { child, url, seconds, pids: () => family(child.pid) };
}

/** Creates profiles in Quiver by uploading batches. */
export async function fillQuiver(url, count) {
  for (const body of batches(count)) await applyBatch(url, body);
}

/** Uploads a batch and waits until it is complete. */
export async function applyBatch(url, body) {
  const answer = await fetch(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body });
  const text = await answer.text();
  const status = /<batchStatus>([^<]+)</.exec(text)?.[1];
  if (!status) throw new Error(`a batch was refused: ${text}`);
  await until(
    async () => {
      await setTimeout(50);
      return (await (await fetch(status)).text()).includes('<status>complete<');
    },
    'a batch to be complete',
    300,
  );
}

/**
 * Uploads batches of up to `rows` profiles without a pause, from a separate process.
 * @returns a function that ends it
 */
export function keepUploading(url, profiles, rows) {
  const args = [join(HERE, 'keep-uploading.mjs'), url, String(profiles), String(rows)];
  const child = start(process.execPath, args);
  return () => child.kill();
}

/** A constant reply of so many bytes from the bare runtime. */
export async function startBare(runtime, bytes) {
  const command = runtime === 'bun' ? bunPath() : process.execPath;
  const { child, match } = await startAndRead(
    command,
    [join(HERE, 'constant-answer.mjs'), String(bytes)],
    /^(\d+)$/,
  );
  return { child, url: `http://127.0.0.1:${match}`, pids: () => [child.pid] };
}

/**
 * Bun's sockets and the engine with nothing in between: one look-up for each reply of so many
 * bytes.
 */
export async function startBareSockets(bytes, profiles) {
  const home = join(folder, `bare-sockets-${profiles}`);
  const { child, match } = await startAndRead(
    bunPath(),
    [join(HERE, 'bare-sockets.mjs'), String(bytes), home, String(profiles)],
    /^(\d+)$/,
  );
  return { child, url: `http://127.0.0.1:${match}`, pids: () => [child.pid] };
}

/** A constant reply of so many bytes from nginx. */
export async function startNginx(bytes) {
  const port = await freePort();
  const home = join(folder, 'nginx');
  mkdirSync(home);
  const config = join(home, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${home}/pid; error_log /dev/null;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi; uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
  server { listen 127.0.0.1:${port}; default_type application/json; add_header Cache-Control no-store;
    location / { return 200 "${'x'.repeat(bytes)}"; } } }
`,
  );
  const child = start('nginx', ['-c', config, '-p', home]);
  const url = `http://127.0.0.1:${port}`;
  await until(() => answers(url), 'nginx');
  return { child, url, pids: () => family(child.pid) };
}

/** Starts Redis with an append-only file; `seconds` is the time until it had loaded its data. */
export async function startRedis(home, fsync) {
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const flags = ['--port', port, '--bind', '127.0.0.1', '--dir', home, '--save', '', '--appendonly', 'yes'];
  const started = performance.now();
  // A rewrite of the file during a round would count as work of that round.
  const child = start(
    'redis-server',
    [...flags, '--appendfsync', fsync, '--auto-aof-rewrite-percentage', '0'].map(String),
  );
  const ask = (...words) =>
    spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).stdout;
  await until(() => ask('ping') === 'PONG\n', 'Redis to be ready', 300);
  const seconds = (performance.now() - started) / 1000;
  return { child, port, ask, seconds, pids: () => [child.pid] };
}

export async function fillRedis({ port }, count) {
  const loader = spawn('redis-cli', ['-p', String(port), '--pipe'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const loaded = new Promise((resolve) => loader.once('exit', resolve));
  await feed(loader.stdin, redisCommands(count));
  await loaded;
}

/** Webdis in front of a Redis. */
export async function startWebdis(redis) {
  const port = await freePort();
  const config = join(folder, `webdis-${port}.json`);
  const settings = {
    redis_host: '127.0.0.1',
    redis_port: redis.port,
    http_host: '127.0.0.1',
    http_port: port,
  };
  // 20 connections to Redis per thread, the default; verbosity 0 logs only errors.
  writeFileSync(
    config,
    JSON.stringify({
      ...settings,
      threads: 1,
      pool_size: 20,
      daemonize: false,
      verbosity: 0,
      logfile: '/dev/null',
    }),
  );
  const child = start('webdis', [config], { cwd: folder });
  const url = `http://127.0.0.1:${port}`;
  await until(() => answers(`${url}/PING`), 'Webdis');
  return { child, url, pids: () => [child.pid, ...redis.pids()] };
}

/** Fastify or Express over Redis, on Node. */
export async function startOverRedis(framework, redis) {
  const args = [join(HERE, 'over-redis.mjs'), framework, String(redis.port)];
  const { child, match } = await startAndRead(process.execPath, args, /^(\d+)$/);
  return { child, url: `http://127.0.0.1:${match}`, pids: () => [child.pid, ...redis.pids()] };
}

/**
 * Fastify with `ioredis` over a cluster, on Node: the same work as Quiver's, by a script with WAIT.
 */
export async function startOverCluster(cluster) {
  const args = [join(HERE, 'over-cluster.mjs'), cluster.seeds];
  const { child, match } = await startAndRead(process.execPath, args, /^(\d+)$/);
  const server = () => [child.pid];
  return { child, url: `http://127.0.0.1:${match}`, server, pids: () => [child.pid, ...cluster.pids()] };
}

/** PostgreSQL with one table of profiles, attributes in a jsonb column. */
export async function startPostgres() {
  // PostgreSQL refuses to run as root.
  const idOfNobody = (flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  const as = process.getuid() === 0 ? { uid: idOfNobody('-u'), gid: idOfNobody('-g') } : {};
  const home = join(folder, 'postgres');
  mkdirSync(home, { mode: 0o700 });
  if (as.uid !== undefined) {
    chownSync(home, as.uid, as.gid);
    execFileSync('chmod', ['755', folder]);
  }
  execFileSync('initdb', ['-D', home, '-U', 'bench', '-A', 'trust'], { ...as, cwd: '/', stdio: 'ignore' });
  const port = String(await freePort());
  const settings = ['shared_buffers=512MB', 'max_wal_size=4GB', `unix_socket_directories=${home}`];
  const flags = ['-D', home, '-h', '127.0.0.1', '-p', port, ...settings.flatMap((one) => ['-c', one])];
  const child = start('postgres', flags, { ...as, cwd: '/' });
  const psql = ['-h', '127.0.0.1', '-p', port, '-U', 'bench', '-d', 'postgres', '-qAtv', 'ON_ERROR_STOP=1'];
  const sql = (text) => execFileSync('psql', [...psql, '-c', text], { encoding: 'utf8' }).trim();
  await until(
    () => spawnSync('psql', [...psql, '-c', 'select 1'], { stdio: 'ignore' }).status === 0,
    'PostgreSQL',
  );
  sql(
    'create table profile (id text primary key, attributes jsonb not null, modified timestamptz not null default now())',
  );
  return { child, port, psql, sql, pids: () => family(child.pid) };
}

export async function fillPostgres({ psql, sql }, count) {
  const command = [...psql, '-c', 'copy profile (id, attributes) from stdin'];
  const loader = spawn('psql', command, { stdio: ['pipe', 'ignore', 'inherit'] });
  const loaded = new Promise((resolve) => loader.once('exit', resolve));
  await feed(loader.stdin, postgresRows(count));
  await loaded;
  sql('vacuum analyze profile');
}

/** Fastify over PostgreSQL, on Node. */
export async function startOverPostgres(postgres) {
  const args = [join(HERE, 'over-postgres.mjs'), postgres.port];
  const { child, match } = await startAndRead(process.execPath, args, /^(\d+)$/);
  return { child, url: `http://127.0.0.1:${match}`, pids: () => [child.pid, ...postgres.pids()] };
}

/** Size of a folder on disk in bytes, without holes. */
export function bytesOnDisk(path) {
  return Number(execFileSync('du', ['-s', '-B1', path], { encoding: 'utf8' }).split('\t')[0]);
}

/** The headers of a back-end system behind a proxy, besides Host, which wrk adds. */
const REALISTIC_HEADERS = {
  Accept: 'application/json, text/plain, */*',
  'Accept-Encoding': 'gzip, deflate, br',
  'Accept-Language': 'en-US,en;q=0.9,de;q=0.8',
  Connection: 'keep-alive',
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
  'X-Forwarded-For': '203.0.113.7',
  'X-Forwarded-Proto': 'https',
  'X-Request-Id': '4bf92f3577b34da6a3ce929d0e0e4736',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};

/** The requests of wrk, in Lua; `count` is the number of profiles. */
export const ask = {
  fetch: (count) =>
    `return wrk.format("GET", "/rest/v1/profiles/" .. ${luaId(`math.random(0, ${count - 1})`)} .. "?client=demo")`,
  /** The same with ten headers; with `fresh`, the last one differs each time. */
  fetchWithHeaders(count, fresh) {
    const headers = Object.entries(REALISTIC_HEADERS).map(
      ([name, value]) => `["${name}"]=${JSON.stringify(value)}`,
    );
    const more = fresh
      ? ',["X-Request-Id"]="4bf92f3577b34da6a3ce" .. math.random(100000000000, 999999999999)'
      : '';
    return `return wrk.format("GET", "/rest/v1/profiles/" .. ${luaId(`math.random(0, ${count - 1})`)} .. "?client=demo", {${headers.join()}${more}})`;
  },
  hash: (count) => `return wrk.format("GET", "/HGETALL/p:" .. ${luaId(`math.random(0, ${count - 1})`)})`,
  update: (count) => ask.updateFrom(0, count),
  /** The same for the profiles with numbers from `from` to before `before`. */
  updateFrom: (
    from,
    before,
  ) => `return wrk.format("POST", "/m2/demo/profile/update?mboxPC=" .. ${luaId(`math.random(${from}, ${before - 1})`)},
    {["content-type"] = "application/x-www-form-urlencoded"}, "profile.attribute3=value+" .. math.random(1, 1000000))`,
  /** A visit without parameters of the profiles with numbers from `from` to before `before`. */
  emptyVisit: (
    from,
    before,
  ) => `return wrk.format("POST", "/rest/v1/delivery?client=demo&sessionId=s" .. math.random(1, 1000000),
    {["content-type"] = "application/json"}, '{"id":{"tntId":"' .. ${luaId(`math.random(${from}, ${before - 1})`)} .. '"},"context":{"channel":"web"}}')`,
  setInHash: (count) =>
    `return wrk.format("POST", "/", {}, "HSET/p:" .. ${luaId(`math.random(0, ${count - 1})`)} .. "/attribute3/value" .. math.random(1, 1000000))`,
  /** The same work in a script (same-work.mjs), one attribute. */
  setByScript: (count, sha) =>
    `return wrk.format("POST", "/", {}, "EVALSHA/${sha}/1/p:" .. ${luaId(`math.random(0, ${count - 1})`)} .. "/" .. os.time() .. "/0/attribute3/value" .. math.random(1, 1000000))`,
  /** The same work in a script, two attributes; missing profiles are created. */
  visitByScript: (count, sha) => `local id = ${visitor(count)}
  return wrk.format("POST", "/", {}, "EVALSHA/${sha}/1/p:" .. id .. "/" .. os.time() .. "/1/page/p" .. math.random(1, 1000) .. "/cart/" .. math.random(1, 100))`,
  /** For over-cluster.mjs. */
  postUpdate: (count) => `return wrk.format("POST", "/update", {["content-type"] = "application/json"},
    '{"id":"' .. ${luaId(`math.random(0, ${count - 1})`)} .. '","attributes":{"attribute3":"value ' .. math.random(1, 1000000) .. '"}}')`,
  postVisit: (count) => `local id = ${visitor(count)}
  return wrk.format("POST", "/visit", {["content-type"] = "application/json"},
    '{"id":"' .. id .. '","attributes":{"page":"p' .. math.random(1, 1000) .. '","cart":"' .. math.random(1, 100) .. '"}}')`,
  /** 90 % fetches, 8 % visits, 2 % updates. */
  mixed: (count) => `local which = math.random()
  if which < 0.9 then ${ask.fetch(count)} elseif which < 0.98 then ${ask.visit(count)} else ${ask.update(count)} end`,
  upsert: (count) => `return wrk.format("POST", "/profile", {["content-type"] = "application/json"},
    '{"id":"' .. ${luaId(`math.random(0, ${count - 1})`)} .. '","attributes":{"attribute3":"value ' .. math.random(1, 1000000) .. '"}}')`,
  visit: (count, client = 'demo') => `local id = ${visitor(count)}
  return wrk.format("POST", "/rest/v1/delivery?client=${client}&sessionId=s" .. math.random(1, 1000000), {["content-type"] = "application/json"},
    '{"id":{"tntId":"' .. id .. '"},"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{"page":"p' .. math.random(1, 1000) .. '","cart":"' .. math.random(1, 100) .. '"}}}}')`,
  /**
   * A visit of the visitors with numbers from `from` to before `before`; it records session and
   * categories with `user.categoryId`.
   */
  visitWith: (from, before, parameter) => `local id = ${visitor(before, from)}
  return wrk.format("POST", "/rest/v1/delivery?client=demo&sessionId=s" .. math.random(1, 1000000), {["content-type"] = "application/json"},
    '{"id":{"tntId":"' .. id .. '"},"context":{"channel":"web"},"execute":{"pageLoad":{"parameters":{"${parameter}":"c' .. math.random(1, 20) .. ',c' .. math.random(1, 20) .. '"}}}}')`,
  visitHash: (count) => `local id = ${visitor(count)}
  return wrk.format("POST", "/", {}, "HSET/p:" .. id .. "/page/p" .. math.random(1, 1000) .. "/cart/" .. math.random(1, 100))`,
  visitRow: (count) => `local id = ${visitor(count)}
  return wrk.format("POST", "/profile", {["content-type"] = "application/json"},
    '{"id":"' .. id .. '","attributes":{"page":"p' .. math.random(1, 1000) .. '","cart":"' .. math.random(1, 100) .. '"}}')`,
};

/** Half of the visitors are known, half come for the first time. */
function visitor(count, from = 0) {
  return `math.random() < 0.5 and ${luaId(`math.random(${from}, ${count - 1})`)} or string.format("%08x%08x%08x%08x", math.random(0, 2147483647), math.random(0, 2147483647), math.random(0, 2147483647), math.random(0, 2147483647))`;
}

async function feed(stream, pieces) {
  stream.on('error', () => {});
  for (const piece of pieces) {
    if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
}
