/**
 * Drives an installed Quiver as a new user would: starts it, makes a visit, reads, updates and
 * imports profiles, looks at the console, asks the doctor, stops it. Ends with 0 when all of it
 * went as the guides say.
 *
 *   node scripts/smoke.mjs dist/quiver
 *     a command, perhaps with arguments that precede its own
 *   node scripts/smoke.mjs --url http://127.0.0.1:8680
 *     a server that runs elsewhere, over HTTP only
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 60_000;
const words = process.argv.slice(2);
const isWindows = process.platform === 'win32';

if (words[0] === '--url') await driveByHttp(words[1]);
else await driveCommand(words);
process.stdout.write('smoke: all went as it should\n');

/** @param command the program, and arguments that precede its own */
async function driveCommand(command) {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-smoke-'));
  const data = join(folder, 'data');
  assert.match(await run([...command, '--version']), /^\d+\.\d+\.\d+/);
  const server = start([...command, 'serve', '--port', '0', '--workers', '1', '--data', data]);
  try {
    const url = await server.url;
    await driveByHttp(url);
    const at = ['--url', url];
    await run([...command, 'health', ...at]);
    await run([...command, 'set', '--third-party', 'smoke-1', 'plan=gold', ...at]);
    const profile = JSON.parse(await run([...command, 'get', '--third-party', 'smoke-1', '--json', ...at]));
    assert.equal(profile.profileAttributes.plan.value, 'gold');
    const file = join(folder, 'people.batch');
    writeFileSync(file, 'batch=thirdPartyId,country\nsmoke-1,spain\nsmoke-2,italy\n');
    assert.match(await run([...command, 'import', file, ...at]), /successful +2/);
    assert.match(await run([...command, 'get', 'smoke-2', ...at]), /italy/);
    assert.match(await run([...command, 'doctor', '--data', data]), /every record could be read/);
    server.child.kill('SIGTERM');
    const code = await server.ended;
    // npx ends by the signal itself, which says nothing about the server; the server's log does.
    if (!isWindows) {
      assert.ok(code === 0 || code === 'SIGTERM', `it ended with ${code}: ${server.output()}`);
      assert.match(server.output(), /"exitCode":0,"msg":"stopped"/);
    }
    await driveSandbox(command);
  } finally {
    server.child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A sandbox serves the same way, and is deleted with its process. */
async function driveSandbox(command) {
  const sandbox = start([...command, 'sandbox', '--port', '0']);
  try {
    await driveByHttp(await sandbox.url);
    sandbox.child.kill('SIGTERM');
    const code = await sandbox.ended;
    if (!isWindows) assert.ok(code === 0 || code === 'SIGTERM', `it ended with ${code}: ${sandbox.output()}`);
  } finally {
    sandbox.child.kill('SIGKILL');
  }
}

async function driveByHttp(url) {
  const ask = async (path, init) => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return text;
  };
  assert.equal(await ask('/readyz'), 'ready\n');
  assert.equal(JSON.parse(await ask('/')).name, 'quiver');
  const page = await ask('/console/');
  const script = /src="(\/console\/assets\/[^"]+\.js)"/.exec(page)?.[1];
  assert.ok(script, 'the console is not there');
  await ask(script);
  await ask('/rest/v1/delivery?client=demo&sessionId=smoke', {
    method: 'POST',
    body: JSON.stringify({
      id: { thirdPartyId: 'smoke-1' },
      context: { channel: 'web' },
      execute: { pageLoad: { profileParameters: { country: 'france' } } },
    }),
  });
  const profile = JSON.parse(await ask('/rest/v1/profiles/thirdPartyId/smoke-1?client=demo'));
  assert.equal(profile.profileAttributes.country.value, 'france');
}

function start(command) {
  const child = launch(command);
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
  let output = '';
  const url = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it did not serve in time: ${output}`)), START_MS);
    const look = (text) => {
      output += text;
      const found = /^API +(\S+)\n(?:.*\n)*Admin token/m.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stdout.setEncoding('utf8').on('data', look);
    child.stderr.setEncoding('utf8').on('data', look);
    void ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`it ended with ${code}: ${output}`));
    });
  });
  return { child, ended, url, output: () => output };
}

/**
 * Runs a command to its end.
 * @returns its standard output
 */
async function run(command) {
  const child = launch(command);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  assert.equal(code, 0, `${command.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** On Windows, npm installs a command as a `.cmd` file, which only a shell can run. */
function launch([program, ...args]) {
  return spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: isWindows && /(^npx$|\.cmd$)/.test(program),
  });
}
