/**
 * Thousands of clients keep their connection after one request and then stay silent: measures the
 * processor time that they cost the server's processes.
 */

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, visit } from './lanes.mjs';
import { childrenOf, makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

/** Linux counts processor time in ticks of 10 ms for programs. */
const TICKS_A_SECOND = 100;
const MOST_PERCENT = 2;
/** Collecting garbage of the connections' first requests, and late work of the start. */
const SETTLE_MS = 5000;
const TOGETHER = 100;
const REQUEST = 'GET /rest/v1/profiles/victim?client=demo HTTP/1.1\r\nHost: localhost\r\n\r\n';

export default {
  name: 'idle-clients',
  bar: '5,000 idle connections add under 2 % of a core, none is closed early, and the server answers beside them',
  sizes: {
    // Shares of a core are judged only in the long form, because a test shares the machine with
    // other work.
    short: { clients: 500, seconds: 1, isJudged: false },
    long: { clients: 5000, seconds: 20, isJudged: true },
  },
  sabotages: {
    'restless-connections': { clients: 5000, seconds: 5, isJudged: true, runtimes: ['node'] },
  },
  async run({ clients, seconds, isJudged, runtimes = RUNTIMES }, { say, sabotage }) {
    const seen = {};
    const problems = [];
    for (const runtime of runtimes) {
      const dataDir = await makeFolder('idle');
      const flags = ['--workers', '1', '--keep-alive', '3600'];
      const quiver = await startQuiver({ runtime, dataDir, flags, sabotage });
      await visit(quiver.url, { tntId: 'victim' }, { a: '1' });
      const without = await percentOfCore(quiver.pid, seconds);
      const connections = await connectAll(quiver.url, clients);
      const withThem = await percentOfCore(quiver.pid, seconds);
      const added = Math.round((withThem - without) * 100) / 100;
      const closed = connections.filter(({ isOpen }) => !isOpen).length;
      seen[`${runtime}Clients`] = connections.length - closed;
      seen[`${runtime}PercentAdded`] = added;
      say(
        `${runtime}: ${without.toFixed(2)} % of a core without clients, ${withThem.toFixed(2)} % with them`,
      );
      if (closed > 0) problems.push(`${runtime}: ${closed} connections were closed`);
      if (isJudged && added >= MOST_PERCENT) problems.push(`${runtime}: they add ${added} % of a core`);
      if ((await ask(`${quiver.url}/healthz`)).status !== 200)
        problems.push(`${runtime}: it does not answer`);
      for (const { socket } of connections) socket.destroy();
      await quiver.kill();
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

/** Connections that have had one reply each, some opened at the same time. */
async function connectAll(url, count) {
  const connections = [];
  while (connections.length < count) {
    const next = Array.from({ length: Math.min(TOGETHER, count - connections.length) }, () => served(url));
    connections.push(...(await Promise.all(next)));
  }
  return connections;
}

function served(url) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const connection = { socket, isOpen: true };
    socket.on('close', () => {
      connection.isOpen = false;
      resolve(connection);
    });
    socket.on('error', () => {});
    socket.once('data', () => resolve(connection));
    socket.write(REQUEST);
  });
}

/** What all processes of a server take of one core, in percent, once they have settled. */
async function percentOfCore(pid, seconds) {
  await pause(SETTLE_MS);
  const ticksOf = () => [pid, ...childrenOf(pid)].reduce((sum, one) => sum + ticks(one), 0);
  const before = ticksOf();
  const started = performance.now();
  await pause(1000 * seconds);
  return ((ticksOf() - before) / TICKS_A_SECOND / ((performance.now() - started) / 1000)) * 100;
}

/** Processor time of a process. The name of its program, in brackets, may contain spaces. */
function ticks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
