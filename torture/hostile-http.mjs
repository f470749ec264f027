/**
 * Hostile HTTP on both runtimes: hidden requests, slow heads and bodies, hundreds of silent
 * connections, pipelined requests whose replies nobody reads, false lengths, bombs. Each is refused
 * or cut in time, no process dies or grows because of it, and a well-behaved client hardly notices.
 */

import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { HIDDEN, REQUESTS } from './hostile-requests.mjs';
import { ask, update, visit } from './lanes.mjs';
import { childrenOf, makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const ANSWER_WITHIN = 3000;
const IDLE_CONNECTIONS = 500;
const SLOW_CONNECTIONS = 50;
const UNREAD_CONNECTIONS = 40;
const MOST_RATIO = 2;
const MOST_WORKER_MB = 300;
const BOMB_BYTES = 200_000_000;
const BOMB_WITHIN = 5000;

export default {
  name: 'hostile-http',
  bar: "smuggling, slow heads and bodies, 500 idle connections, unread pipelines, lying lengths, bombs: refused or cut in time, other clients' p99 under twice, a worker under 300 MB",
  sizes: {
    // Times are judged only in the long form, because a test shares the machine with other work.
    short: { measureMs: 1000, tries: 1, cutWithin: 0, judgesTimes: false },
    long: { measureMs: 5000, tries: 4, cutWithin: 60_000, judgesTimes: true },
  },
  sabotages: {
    'lenient-http': {
      measureMs: 200,
      tries: 1,
      cutWithin: 25_000,
      judgesTimes: true,
      runtimes: ['node'],
    },
  },
  async run(size, { say, sabotage }) {
    const seen = { requests: 0 };
    const problems = [];
    for (const runtime of size.runtimes ?? RUNTIMES) {
      const dataDir = await makeFolder('hostile');
      const quiver = await startQuiver({ runtime, dataDir, flags: ['--workers', '1'], sabotage });
      const { url } = quiver;
      const fail = (problem) => problems.push(`${runtime}: ${problem}`);
      await visit(url, { tntId: 'victim' }, { a: '1' });
      for (const request of REQUESTS) {
        const problem = await sendHostile(url, request);
        seen.requests += 1;
        if (problem) fail(problem);
      }
      say(`${runtime}: ${REQUESTS.length} requests, ${problems.length} problems`);
      for (const problem of await lies(url)) fail(problem);
      for (const problem of await bombs(url, seen, runtime, size)) fail(problem);
      const ratio = await p99Ratio(url, size);
      seen[`${runtime}P99Ratio`] = ratio;
      if (size.judgesTimes && ratio >= MOST_RATIO) fail(`p99 of other clients is ${ratio} times what it was`);
      seen[`${runtime}WorkerMb`] = mostMemory(quiver.pid);
      if (seen[`${runtime}WorkerMb`] >= MOST_WORKER_MB)
        fail(`a worker took ${seen[`${runtime}WorkerMb`]} MB`);
      if (size.cutWithin > 0) {
        for (const [name, ms] of Object.entries(await slowOnes(url, size.cutWithin))) {
          seen[`${runtime}${name}CutAfterMs`] = ms;
          if (ms >= size.cutWithin) fail(`${name} was not cut within ${size.cutWithin} ms`);
        }
      }
      if (/a worker died/.test(quiver.printed.stderr)) fail('a process died');
      if ((await ask(`${url}/healthz`)).status !== 200) fail('it does not answer any more');
      await quiver.kill();
      say(`${runtime}: ${problems.length} problems`);
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

/** A raw connection: everything received, and when it was closed. */
function open(url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const connection = { socket, received: '', isClosed: false };
  socket.setEncoding('latin1').on('data', (text) => {
    connection.received += text;
  });
  socket.on('error', () => {});
  connection.closed = new Promise((resolve) => {
    socket.once('close', () => {
      connection.isClosed = true;
      resolve();
    });
  });
  connection.connected = new Promise((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  return connection;
}

/** Sends one request of the corpus; returns what was wrong with the reply, if anything. */
async function sendHostile(url, [name, bytes, expected]) {
  const connection = open(url);
  connection.socket.write(Buffer.from(bytes, 'latin1'));
  const answers = () => connection.received.match(/HTTP\/1\.[01] \d{3}/g) ?? [];
  // A refusal closes the connection; otherwise any reply would come within this time.
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  for (let waited = 0; waited < ANSWER_WITHIN && !connection.isClosed; waited += 20) {
    await pause(20);
    if (answers().length > 0 && waited >= 100) break;
  }
  connection.socket.destroy();
  const statuses = answers().map((line) => Number(line.slice(-3)));
  if (connection.received.includes(HIDDEN)) return `${name}: the hidden request was answered`;
  if (statuses.length > 1 && statuses.slice(1).some((status) => status < 400))
    return `${name}: answered ${statuses}`;
  if (expected === 'once') return undefined;
  if (statuses.some((status) => status < 400)) return `${name}: answered with ${statuses}`;
  if (statuses.length === 0 && !connection.isClosed)
    return `${name}: neither refused nor closed in ${ANSWER_WITHIN} ms`;
  return undefined;
}

/**
 * Lengths that promise more than is sent, and connections that end in the middle; the server must
 * continue normally.
 */
async function lies(url) {
  const target = '/m2/demo/profile/update?mboxPC=victim&profile.lie=told';
  const requests = [
    `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nprofile.b=1`,
    `POST ${target} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nprofile.b=1`,
    `POST /m2/demo/v2/profile/batchUpdate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nbatch=pcId,a\nliar,1\n`,
    'GET /healthz HTTP/1.1\r\nHost: loc',
  ];
  for (const bytes of requests) {
    const { socket, connected } = open(url);
    await connected;
    await new Promise((resolve) => socket.write(bytes, resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const { text } = await ask(`${url}/rest/v1/profiles/victim?client=demo`);
  const problems = [];
  if (text.includes('told')) problems.push('a body that was cut short was taken for whole');
  const liar = await ask(`${url}/rest/v1/profiles/liar?client=demo`);
  if (liar.status !== 404) problems.push('a batch that was cut short was taken for whole');
  return problems;
}

/** Small bodies that unpack to large ones: refused at the limit, before everything is unpacked. */
async function bombs(url, seen, runtime, { judgesTimes }) {
  const zeros = gzipSync(Buffer.alloc(BOMB_BYTES), { level: 9 });
  const rows = gzipSync(`batch=pcId,a\n${'1,2\n'.repeat(BOMB_BYTES / 8)}`, { level: 9 });
  const requests = [
    ['a batch of zeros', '/m2/demo/v2/profile/batchUpdate', zeros, 'gzip', [400, 413]],
    ['a batch of rows', '/m2/demo/v2/profile/batchUpdate', rows, 'gzip', [413]],
    ['a packed visit', '/rest/v1/delivery?client=demo&sessionId=s', zeros, 'gzip', [413]],
    ['a deep visit', '/rest/v1/delivery?client=demo&sessionId=s', '['.repeat(900_000), undefined, [400]],
    [
      'a visit of many members',
      '/rest/v1/delivery?client=demo&sessionId=s',
      manyMembers(),
      undefined,
      [400, 413],
    ],
  ];
  const problems = [];
  for (const [name, target, body, encoding, statuses] of requests) {
    const headers = { 'content-type': 'application/json', ...(encoding && { 'content-encoding': encoding }) };
    let answer;
    let ms = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 3 && ms > BOMB_WITHIN; tries += 1) {
      const started = performance.now();
      answer = await ask(`${url}${target}`, { method: 'POST', body, headers }).catch((error) => ({
        status: error.message,
      }));
      ms = Math.round(performance.now() - started);
    }
    seen[`${runtime}SlowestBombMs`] = Math.max(seen[`${runtime}SlowestBombMs`] ?? 0, ms);
    if (!statuses.includes(answer.status)) problems.push(`${name} was answered with ${answer.status}`);
    if (judgesTimes && ms > BOMB_WITHIN) problems.push(`${name} took ${ms} ms`);
  }
  return problems;
}

function manyMembers() {
  const members = Array.from({ length: 60_000 }, (_, n) => `"k${n}":"v"`);
  return `{"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{${members.join()}}}}}`;
}

/**
 * The p99 of a well-behaved client under attack, relative to before; the lowest of several tries,
 * because other work shares the machine.
 */
async function p99Ratio(url, { measureMs, tries }) {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < tries && least >= MOST_RATIO; n += 1) {
    const before = await p99(url, measureMs);
    const attack = await startAttack(url);
    const during = await p99(url, measureMs);
    attack.stop();
    least = Math.min(least, during / before);
  }
  return Math.round(least * 100) / 100;
}

async function p99(url, measureMs) {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const times = [];
  const end = performance.now() + measureMs;
  const lane = async (n) => {
    while (performance.now() < end) {
      const started = performance.now();
      if (n === 0) await update(url, 'victim', { a: '2' }, { agent });
      else await ask(`${url}/rest/v1/profiles/victim?client=demo`, { agent });
      times.push(performance.now() - started);
    }
  };
  await Promise.all([0, 1, 2, 3].map(lane));
  agent.destroy();
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)];
}

/** The most memory that one of the processes under `pid` has used, in MB. */
function mostMemory(pid) {
  const peaks = childrenOf(pid).map((child) =>
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child}/status`, 'latin1'))[1]),
  );
  return Math.round(Math.max(...peaks) / 1024);
}

/** 64 KB of requests whose replies are several times as long. */
const PIPELINE = 'GET /rest/v1/profiles/victim?client=demo HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(900);
const SLOW_HEAD = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ';
const SLOW_BODY =
  'POST /m2/demo/profile/update HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\nmboxPC=victim&profile.a=';
const SLOW_UPLOAD =
  'POST /rest/v1/delivery?client=demo&sessionId=s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Idle connections, and heads and bodies sent byte by byte. */
async function startAttack(url) {
  const connections = [];
  const unread = [];
  const start = async (count, bytes) => {
    for (let n = 0; n < count; n += 1) {
      const connection = open(url);
      connections.push(connection);
      await connection.connected;
      if (bytes) connection.socket.write(bytes);
    }
  };
  await start(IDLE_CONNECTIONS);
  await start(SLOW_CONNECTIONS, SLOW_HEAD);
  await start(SLOW_CONNECTIONS, SLOW_BODY);
  for (let n = 0; n < UNREAD_CONNECTIONS; n += 1) {
    const connection = open(url);
    unread.push(connection);
    await connection.connected;
    connection.socket.pause();
    connection.socket.write(PIPELINE);
  }
  const trickle = setInterval(() => {
    for (const { socket } of connections.slice(IDLE_CONNECTIONS)) if (socket.writable) socket.write('x');
  }, 100);
  return {
    stop() {
      clearInterval(trickle);
      for (const { socket } of [...connections, ...unread]) socket.destroy();
    },
  };
}

/** After how many milliseconds each kind of slow connection was answered or cut. */
async function slowOnes(url, cutWithin) {
  const kinds = {
    slowHead: [SLOW_HEAD, 'x'],
    slowBody: [SLOW_BODY, 'x'],
    slowChunks: [SLOW_UPLOAD, '1\r\nx\r\n'],
    silentBody: [SLOW_BODY, ''],
    silent: ['', ''],
  };
  const entries = Object.entries(kinds).map(async ([name, [first, more]]) => {
    const connection = open(url);
    await connection.connected;
    const started = performance.now();
    if (first) connection.socket.write(first);
    const trickle = setInterval(
      () => more && connection.socket.writable && connection.socket.write(more),
      1000,
    );
    while (!connection.isClosed && connection.received === '' && performance.now() - started < cutWithin) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    clearInterval(trickle);
    connection.socket.destroy();
    return [name, Math.round(performance.now() - started)];
  });
  return Object.fromEntries(await Promise.all(entries));
}
