/**
 * Checks that a tag matches the release: `node scripts/release-version.mjs v1.2.3`. Server and
 * client must have its version, the server must depend on that client, and the changelog must have
 * a section for it.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT, ROOT, SERVER } from './setup.mjs';

const [tag = ''] = process.argv.slice(2);
const version = /^v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)$/.exec(tag)?.[1];
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const server = manifestOf(SERVER);
const client = manifestOf(CLIENT);
const root = manifestOf(ROOT);
const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');

const problems = [
  version === undefined && `the tag must be v1.2.3, not ${JSON.stringify(tag)}`,
  server.version !== version && `quiver-server has version ${server.version}`,
  client.version !== version && `quiver-client has version ${client.version}`,
  root.version !== version && `the checkout has version ${root.version}`,
  server.devDependencies['quiver-client'] !== version &&
    `quiver-server is built on quiver-client ${server.devDependencies['quiver-client']}`,
  !changelog.split('\n').some((line) => line.startsWith(`## ${version}`)) &&
    `CHANGELOG.md has no section ## ${version}`,
].filter(Boolean);
for (const problem of problems) process.stderr.write(`release: ${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
