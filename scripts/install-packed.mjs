/**
 * Packs `quiver-client` and `quiver-server` as for publishing, and installs them into an empty
 * folder, with install scripts disabled:
 *
 *   node scripts/install-packed.mjs <folder> [--packed <folder>] [--with <package>]…
 *
 * `--packed` keeps the packages in a folder; those that it already contains are not packed again.
 * `--with` installs another package from the registry.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './setup.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { packed: { type: 'string' }, with: { type: 'string', multiple: true, default: [] } },
});
if (positionals.length !== 1) throw new Error('install-packed: name a folder');
const folder = resolve(positionals[0]);
if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
const packed =
  values.packed === undefined ? mkdtempSync(join(tmpdir(), 'quiver-packed-')) : resolve(values.packed);
mkdirSync(packed, { recursive: true });
try {
  const workspaces = ['--workspace', 'quiver-client', '--workspace', 'quiver-server'];
  const packages = () => readdirSync(packed).filter((name) => name.endsWith('.tgz'));
  if (packages().length === 0)
    npm(ROOT, 'pack', ...workspaces, '--pack-destination', packed, '--loglevel=error');
  mkdirSync(folder, { recursive: true });
  // Without a manifest, npm would install into a parent folder that has one.
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "installed", "version": "0.0.0", "private": true, "type": "module" }\n',
  );
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const files = packages().map((name) => join(packed, name));
  npm(folder, 'install', '--ignore-scripts', ...quiet, ...files, ...values.with);
} finally {
  if (values.packed === undefined) rmSync(packed, { recursive: true, force: true });
}

function npm(cwd, ...args) {
  const isWindows = process.platform === 'win32';
  execFileSync(isWindows ? 'npm.cmd' : 'npm', args, { cwd, stdio: ['ignore', 2, 2], shell: isWindows });
}
