/** The short form of every torture (`npm run torture`), and proof that the quick detectors notice what was spoiled for them. */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const TORTURE = fileURLToPath(new URL('../../../torture/torture.mjs', import.meta.url));

async function torture(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(process.execPath, [TORTURE, '--built', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const stdout = await text(child.stdout);
  return { code: await ended, stdout };
}

// Bulk killed at random points is a test of its own: batch-crash.test.ts.
describe('in short', { timeout: 240_000 }, () => {
  test.each([
    'kill',
    'stop',
    'full-disk',
    'one-person',
    'fresh-reads',
    'model',
    'model-redis',
    'expiry',
    'backup',
    'restore-race',
    'port-race',
    'stopped-holder',
    'hostile-http',
    'http-differential',
    'fuzz',
    'expressions',
    'settings',
    'browser',
    'proxy',
    'redis-nodes',
  ])('%s', async (name) => {
    const { code, stdout } = await torture('--short', name);
    expect(stdout).toMatch(/^ {3}(met|left out)/m);
    expect(code).toBe(0);
  });
});

describe('on a spoiled server', { timeout: 240_000 }, () => {
  test.each([
    ['kill', 'half-updates'],
    ['stop', 'write-behind-and-exit'],
    ['one-person', 'read-then-write'],
    ['fresh-reads', 'shared-snapshots'],
    ['port-race', 'blind-locks'],
    ['backup', 'copy-of-the-live-file'],
    ['expiry', 'a-millisecond-too-long'],
    ['http-differential', 'lenient-http'],
    ['fuzz', 'crash'],
    ['settings', 'kept-a-moment'],
    ['redis-nodes', 'masters-alone'],
    ['proxy', 'obeys-proxies'],
    ['browser', 'any-host-any-page'],
  ])('%s notices: %s', async (name, sabotage) => {
    const { code, stdout } = await torture('--sabotage', sabotage, name);
    expect(stdout).toMatch(/^ {3}MISSED/m);
    expect(code).toBe(1);
  });
});
