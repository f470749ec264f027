/**
 * `npm run edges`: three edge clusters on loopback with location hints as Adobe's, and the curl lines that show a profile found from another of them.
 * Ctrl-C ends all three. What they store is kept in `data/edges`.
 */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ROOT, serverCommand } from './setup.mjs';

const EDGES = [
  { cluster: 17, node: 20, port: 8617 },
  { cluster: 28, node: 20, port: 8628 },
  { cluster: 35, node: 59, port: 8635 },
];
const urlOf = ({ port }) => `http://127.0.0.1:${port}`;

const [command, main] = serverCommand();
const env = {
  ...process.env,
  // Known to these three processes alone, and made anew each time.
  QUIVER_EDGE_SECRET: randomBytes(32).toString('base64url'),
  QUIVER_ADMIN_TOKEN: process.env.QUIVER_ADMIN_TOKEN ?? randomBytes(24).toString('base64url'),
};
const children = EDGES.map((edge) => {
  const peers = EDGES.filter((other) => other !== edge).flatMap((other) => [
    '--peer',
    `${other.cluster}=${urlOf(other)}`,
  ]);
  const data = join(ROOT, 'data', 'edges', String(edge.cluster));
  const flags = ['--port', edge.port, '--cluster', edge.cluster, '--node', edge.node, '--data', data];
  const args = [...flags, '--location-hint', 'adobe', '--workers', '1', '--log-level', 'warn', ...peers];
  return spawn(command, [main, 'serve', ...args.map(String)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
});
process.on('SIGINT', () => {});
process.on('SIGTERM', endAll);
for (const child of children) {
  child.once('exit', (code) => {
    process.exitCode ||= code ?? 1;
    endAll();
  });
}
// The banner of each comes when it serves.
await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))));

const [one, two, three] = EDGES.map(urlOf);
process.stdout.write(`Three edge clusters: 17 at ${one}, 28 at ${two}, 35 at ${three}
Admin token of all three: ${env.QUIVER_ADMIN_TOKEN}

A visitor comes to 17; the tntId and edgeHost in the answer name it:
  curl -s '${one}/rest/v1/delivery?client=demo&sessionId=s1' -d '{"id":{"thirdPartyId":"crm-1"},"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{"tier":"gold"}}}}'

Asked at 35, it is found at 17 (the header X-Quiver-Edge says so):
  curl -si '${three}/rest/v1/profiles/thirdPartyId/crm-1?client=demo'

Changed through 28, it is changed at 17, and read so at 35 at once:
  curl -s '${two}/m2/demo/profile/update?mbox3rdPartyId=crm-1&profile.tier=platinum'
  curl -s '${three}/rest/v1/profiles/thirdPartyId/crm-1?client=demo'

Who answers, how fast, with how many profiles:
  curl -s -H 'Authorization: Bearer ${env.QUIVER_ADMIN_TOKEN}' ${one}/demo/target/edges

Ctrl-C ends all three.
`);

function endAll() {
  for (const child of children) child.kill('SIGTERM');
}
