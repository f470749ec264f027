/**
 * The examples of the sandbox, run as a reader would: installed from the workspace, using the
 * published entry points.
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const EXAMPLES = path('../../../examples');
const MAIN = path('../dist/main.js');

test('the vitest project with the Node SDK passes', async () => {
  const vitest = path('../../../node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--reporter=json'];
  const { stdout } = await run(process.execPath, args, { cwd: `${EXAMPLES}/vitest` });
  const report = JSON.parse(stdout.slice(stdout.indexOf('{')));
  expect([report.numPassedTests, report.numTotalTests]).toEqual([6, 6]);
});

test('the shell script with curl runs', async () => {
  const env = { ...process.env, QUIVER: `${process.execPath} ${MAIN}` };
  const { stdout } = await run('sh', [`${EXAMPLES}/curl/sandbox.sh`], { env });
  expect(stdout.trim().split('\n')).toHaveLength(17);
  expect(stdout).not.toContain('FAILED');
});

test("the tests with Node's own runner pass", async () => {
  const args = ['--test', '--test-reporter=tap', 'plan.test.mjs'];
  const { stdout } = await run(process.execPath, args, { cwd: `${EXAMPLES}/node-test` });
  expect(stdout).toMatch(/^# fail 0$/m);
  expect(stdout).toMatch(/^# pass 5$/m);
});
