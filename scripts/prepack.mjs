/**
 * `prepack` of the packages that go to the registry: builds anew what they ship, and puts the
 * licence beside it.
 */

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleServer } from './bundle-server.mjs';
import { buildConsole, CLIENT, installPackages, ROOT, SERVER } from './setup.mjs';

const [name] = process.argv.slice(2);
const folder = { server: SERVER, client: CLIENT }[name];
if (folder === undefined) throw new Error(`prepack: server or client, not ${name}`);

// What an earlier build has left, of files that are gone, must not be shipped.
rmSync(join(folder, 'dist'), { recursive: true, force: true });
installPackages();
if (name === 'server') {
  await bundleServer();
  buildConsole();
}
cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
