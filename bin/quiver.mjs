#!/usr/bin/env node
// The command of a checkout: `node bin/quiver.mjs get crm-1`. It uses what `npm start` has built
// and sets nothing up by itself.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeVersionProblem } from '../packages/server/bin/node-version.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SERVER = join(ROOT, 'packages', 'server');
const problem = nodeVersionProblem();

if (problem !== undefined) {
  fail(problem);
} else {
  const bun = join(ROOT, 'node_modules', 'bun', 'bin', 'bun.exe');
  if (!existsSync(join(ROOT, 'node_modules', 'quiver-client', 'dist', 'index.js'))) {
    fail('this checkout is not set up yet. Run: npm start');
  } else if (isCurrent(join(SERVER, 'dist', '.built'), join(SERVER, 'src'))) {
    await import('../packages/server/bin/quiver.mjs');
  } else if (existsSync(bun) && statSync(bun).size > 1_000_000) {
    const { runInstead } = await import('../packages/server/bin/run-instead.mjs');
    runInstead(bun, [join(SERVER, 'src', 'main.ts'), ...process.argv.slice(2)]);
  } else fail('the server is not built for Node, or its sources are newer. Run: npm start');
}

/**
 * Whether what was built is as new as the sources; without that Bun runs the sources themselves.
 */
function isCurrent(stamp, sources) {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return readdirSync(sources, { recursive: true, withFileTypes: true }).every(
    (entry) => !entry.isFile() || statSync(join(entry.parentPath, entry.name)).mtimeMs <= built,
  );
}

function fail(reason) {
  process.stderr.write(`quiver: ${reason}\n`);
  process.exitCode = 1;
}
