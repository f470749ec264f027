#!/usr/bin/env node
// The installed command. A server runs on Bun where the optional package `bun` is installed, else
// on Node; all other commands run on Node, which starts sooner. QUIVER_RUNTIME=node keeps the
// server on Node.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeVersionProblem } from './node-version.mjs';

const MAIN = new URL('../dist/main.js', import.meta.url);

const problem = nodeVersionProblem();
if (problem !== undefined) {
  // Without this, an old Node shows a stack trace of the bundle.
  process.stderr.write(`quiver: ${problem}\n`);
  process.exit(1);
}
const isServer = process.argv[2] === 'serve';
const bun = isServer ? installedBun() : undefined;
const staysOn = isServer || process.argv[2] === 'sandbox';
const { onceParentIsGone, runInstead } = staysOn ? await import('./run-instead.mjs') : {};
const isOfNpx = process.env.npm_lifecycle_event === 'npx';
if (bun !== undefined)
  runInstead(bun, [fileURLToPath(MAIN), ...process.argv.slice(2)], { endsWithParent: isOfNpx });
else {
  if (staysOn && isOfNpx) onceParentIsGone(() => process.kill(process.pid, 'SIGTERM'));
  await import(MAIN.href);
}

function installedBun() {
  if (process.versions.bun !== undefined || process.env.QUIVER_RUNTIME === 'node') return undefined;
  try {
    const manifest = createRequire(import.meta.url).resolve('bun/package.json');
    const path = join(dirname(manifest), 'bin', 'bun.exe');
    // Where install scripts are switched off the package holds a placeholder in place of the
    // binary.
    return spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0 ? path : undefined;
  } catch {
    return undefined;
  }
}
