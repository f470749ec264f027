/**
 * Proxy variables in the environment that lead to a server which accepts and answers: neither calls
 * between edge clusters nor commands to a server on this machine may go there.
 */

import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { ask, attributesOf, until, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, runQuiver, startQuiver } from './quiver-process.mjs';

const SECRET = 'a secret of at least thirty-two characters';
const TOKEN = 'torture-admin-token';
const CLUSTERS = [17, 28];

export default {
  name: 'proxy',
  bar: 'nothing reaches the proxy, and every lookup in the other edge cluster succeeds',
  sizes: { short: { lookups: 20 }, long: { lookups: 2000 } },
  sabotages: { 'obeys-proxies': { lookups: 20 } },

  async run({ lookups }, { say, sabotage }) {
    const seen = { lookups: 0, failed: 0, commands: 0, 'at the proxy': 0 };
    const problems = [];
    for (const runtime of RUNTIMES) {
      const proxy = await startProxy();
      const env = { ...proxyEnv(proxy.url), QUIVER_EDGE_SECRET: SECRET, QUIVER_ADMIN_TOKEN: TOKEN };
      const servers = await startPair({ runtime, env, sabotage });
      try {
        const [here, there] = servers;
        for (let n = 0; n < lookups / RUNTIMES.length; n += 1) {
          const id = `${runtime}${n}`;
          await visit(there.url, { thirdPartyId: id }, { x: '1' });
          seen.lookups += 1;
          const found = await attributesOf(here.url, `thirdPartyId/${id}`).catch((error) => error);
          if (found?.x !== '1') seen.failed += 1;
        }
        const args = ['settings', '--url', here.url, '--token', TOKEN];
        const { code, stderr } = await runQuiver(runtime, args, { env, sabotage });
        seen.commands += 1;
        if (code !== 0) problems.push(`${runtime}: quiver settings ended with ${code}: ${stderr.trim()}`);
        seen['at the proxy'] += proxy.asked.length;
        problems.push(
          ...proxy.asked.slice(0, 3).map((line) => `${runtime}: the proxy was asked for ${line}`),
        );
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
        proxy.close();
      }
      say(`${runtime}: ${seen.lookups} lookups, ${seen['at the proxy']} at the proxy`);
    }
    const isMet = seen.failed === 0 && seen['at the proxy'] === 0 && problems.length === 0;
    return { seen, problems, isMet: isMet && seen.lookups > 0 };
  },
};

/** Two edge clusters that are peers. */
async function startPair({ runtime, env, sabotage }) {
  const ports = await Promise.all(CLUSTERS.map(freePort));
  const servers = await Promise.all(
    CLUSTERS.map(async (cluster, place) => {
      const flags = [
        '--port',
        String(ports[place]),
        '--cluster',
        String(cluster),
        '--workers',
        '1',
        '--edge-timeout',
        '2000',
      ];
      flags.push('--peer', `${CLUSTERS[1 - place]}=http://127.0.0.1:${ports[1 - place]}`);
      return startQuiver({ runtime, dataDir: await makeFolder('proxy'), flags, env, sabotage });
    }),
  );
  const headers = { authorization: `Bearer ${TOKEN}` };
  const path = '/demo/target/edges';
  // With a proxy answering in their place, the clusters never find one another; the lookups show
  // it.
  await until(
    async () => (await ask(servers[0].url + path, { headers })).text.includes('"reachable":true'),
    5000,
  ).catch(() => undefined);
  return servers;
}

function proxyEnv(url) {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'];
  const all = [...names, ...names.map((name) => name.toLowerCase())].map((name) => [name, url]);
  return { ...Object.fromEntries(all), NO_PROXY: '', no_proxy: '', TORTURE_PROXY: url };
}

/** Accepts and records any request, and answers as if all were well. */
async function startProxy() {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.destroy();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    asked,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createTcpServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
