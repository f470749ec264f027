/**
 * `npm test`: sets up what is missing, then runs everything, cheap parts first: checks, the unit
 * tests on Bun and on Node, end-to-end tests. The last line is the total: `N passed, N failed`.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecks } from './checks.mjs';
import {
  buildConsole,
  buildForNode,
  bunPath,
  installPackages,
  installTestPrograms,
  ROOT,
  SERVER,
} from './setup.mjs';

const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');

installPackages();
const total = { passed: 0, failed: 0, skipped: 0 };
count(runChecks());
buildForNode();
buildConsole();
installTestPrograms();

const bun = bunPath();
if (bun) count(runVitest('unit tests on Bun', [bun, '--bun'], 'vitest.config.ts'));
else skip('unit tests on Bun', 'Bun cannot run on this machine');
count(runVitest('unit tests on Node', [process.execPath], 'vitest.config.ts'));
count(runVitest('end to end', [process.execPath], 'vitest.e2e.config.ts'));

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** Runs one vitest configuration; a run that ends without a report counts as one failure. */
function runVitest(name, [command, ...flags], config) {
  process.stdout.write(`\n== ${name}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'quiver-test-'));
  const report = join(folder, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const run = spawnSync(command, [...flags, VITEST, 'run', '--config', config, ...reporters], {
      cwd: SERVER,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const result = JSON.parse(readFileSync(report, 'utf8'));
    const failed = result.numFailedTests + brokenFiles(result);
    return {
      passed: result.numPassedTests,
      failed: failed === 0 && run.status !== 0 ? 1 : failed,
      skipped: result.numPendingTests,
    };
  } catch (error) {
    process.stdout.write(`${name}: no report (${error.message})\n`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Test files that failed before any of their tests ran. */
function brokenFiles(result) {
  return result.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((one) => one.status !== 'failed'),
  ).length;
}

function skip(name, reason) {
  process.stdout.write(`\n== ${name}: skipped, ${reason}\n`);
  total.skipped += 1;
}

function count({ passed, failed, skipped = 0 }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}
