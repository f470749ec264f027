/**
 * `npm run edges`: three edge clusters on loopback with location hints like Adobe's, and curl lines
 * that show how a profile is found from another cluster. Ctrl-C stops all three. Their data is kept
 * in `data/edges`, or the folder of `--data`; `--ports 8617,8628,8635` are the default ports.
 */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { onceParentIsGone } from '../packages/server/bin/run-instead.mjs';
import { ROOT, serverCommand } from './setup.mjs';

const { values: options } = parseArgs({
  options: {
    ports: { type: 'string', default: '8617,8628,8635' },
    data: { type: 'string', default: join(ROOT, 'data', 'edges') },
  },
});
const PORTS = options.ports.split(',').map(Number);
const EDGES = [
  { cluster: 17, node: 20, port: PORTS[0] },
  { cluster: 28, node: 20, port: PORTS[1] },
  { cluster: 35, node: 59, port: PORTS[2] },
];
const urlOf = ({ port }) => `http://127.0.0.1:${port}`;

const [command, main] = serverCommand();
const env = {
  ...process.env,
  // Known only to these three processes, and generated each time.
  QUIVER_EDGE_SECRET: randomBytes(32).toString('base64url'),
  QUIVER_ADMIN_TOKEN: process.env.QUIVER_ADMIN_TOKEN || randomBytes(24).toString('base64url'),
};
let isEnding = false;
const children = EDGES.map((edge) => {
  const peers = EDGES.filter((other) => other !== edge).flatMap((other) => [
    '--peer',
    `${other.cluster}=${urlOf(other)}`,
  ]);
  const data = join(resolve(options.data), String(edge.cluster));
  const flags = ['--port', edge.port, '--cluster', edge.cluster, '--node', edge.node, '--data', data];
  const args = [...flags, '--location-hint', 'adobe', '--workers', '1', '--log-level', 'warn', ...peers];
  // In separate process groups, so that Ctrl-C reaches each once, through this process.
  return spawn(command, [main, 'serve', ...args.map(String)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: process.platform !== 'win32',
  });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, endAll);
process.once('exit', endOthers);
onceParentIsGone(endOthers);
for (const child of children) {
  child.once('exit', (code) => {
    process.exitCode ||= code ?? 1;
    endOthers();
  });
}
// The banner of each appears when it serves. If one cannot start, the others and this process end.
await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))));

const [one, two, three] = EDGES.map(urlOf);
process.stdout.write(`Three edge clusters: 17 at ${one}, 28 at ${two}, 35 at ${three}
The admin token of all three, for the commands that need it:
  export QUIVER_TOKEN=${env.QUIVER_ADMIN_TOKEN}

A visitor comes to 17; the tntId and edgeHost in the answer name it:
  curl -s '${one}/rest/v1/delivery?client=demo&sessionId=s1' -d '{"id":{"thirdPartyId":"crm-1"},"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{"tier":"gold"}}}}'

Asked at 35, it is found at 17 (the header X-Quiver-Edge says so):
  curl -si '${three}/rest/v1/profiles/thirdPartyId/crm-1?client=demo'

Changed through 28, it is changed at 17, and read so at 35 at once:
  curl -s '${two}/m2/demo/profile/update?mbox3rdPartyId=crm-1&profile.tier=platinum'
  curl -s '${three}/rest/v1/profiles/thirdPartyId/crm-1?client=demo'

Who answers, how fast, with how many profiles:
  curl -s -H "Authorization: Bearer $QUIVER_TOKEN" ${one}/demo/target/edges

Ctrl-C ends all three.
`);

function endAll() {
  isEnding = true;
  for (const child of children) child.kill('SIGTERM');
}

/**
 * Stops all others, unless they are stopping: a second signal would kill them, and is reserved for
 * people.
 */
function endOthers() {
  if (!isEnding) endAll();
}
