/**
 * The checks that run no tests, cheap ones first. `npm run check` runs only these; `npm test`
 * starts with them.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './setup.mjs';

const CHECKS = [
  ['lock file', '../scripts/lock.mjs', ['--check']],
  ['Lua scripts', '../scripts/embed-lua.mjs', ['--check']],
  ['format and lint', '@biomejs/biome/bin/biome', ['ci', '.', '--colors=off', '--error-on-warnings']],
  ['types', 'typescript/bin/tsc', ['-p', 'packages/server/tsconfig.json']],
  ['types of the client', 'typescript/bin/tsc', ['-p', 'packages/client/tsconfig.json']],
  ['types of the console', 'typescript/bin/tsc', ['-p', 'packages/console/tsconfig.json']],
  [
    'import direction',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    [
      '--config',
      '.dependency-cruiser.mjs',
      'packages/server/src',
      'packages/server/test',
      'packages/client/src',
    ],
  ],
  ['names and sizes', '../scripts/check-house.mjs', []],
  ['width of comments and Markdown', '../scripts/check-width.mjs', []],
  ['workflows, containers, service', '../scripts/check-deployment.mjs', []],
  ['dead code', 'knip/bin/knip.js', []],
];

/**
 * Runs every check, even after a failure.
 *
 * @returns how many passed and failed
 */
export function runChecks() {
  let failed = 0;
  for (const [name, script, args] of CHECKS) {
    const started = Date.now();
    const result = spawnSync(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${result.status === 0 ? 'ok    ' : 'FAILED'}  ${name} (${seconds} s)\n`);
    if (result.status !== 0) {
      failed += 1;
      process.stdout.write(`${result.stdout}${result.stderr}\n`);
    }
  }
  return { passed: CHECKS.length - failed, failed };
}
