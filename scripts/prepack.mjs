/**
 * `prepack` of the published packages: builds what they ship from scratch, and adds the licence.
 */

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleServer } from './bundle-server.mjs';
import { buildConsole, CLIENT, installPackages, ROOT, SERVER } from './setup.mjs';

const [name] = process.argv.slice(2);
const folder = { server: SERVER, client: CLIENT }[name];
if (folder === undefined) throw new Error(`prepack: server or client, not ${name}`);

// Files of an earlier build that no longer exist must not be shipped.
rmSync(join(folder, 'dist'), { recursive: true, force: true });
installPackages();
if (name === 'server') {
  await bundleServer();
  buildConsole();
}
cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
