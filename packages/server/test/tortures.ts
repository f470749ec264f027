/** Runs a torture as a separate command, like `npm run torture`. */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const TORTURE = fileURLToPath(new URL('../../../torture/torture.mjs', import.meta.url));

async function torture(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(process.execPath, [TORTURE, '--built', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const stdout = await text(child.stdout);
  return { code: await ended, stdout };
}

/** Runs the short form of a torture, which must meet its bar or say why it was left out. */
export async function expectMet(name: string): Promise<void> {
  const { code, stdout } = await torture('--short', name);
  expect(stdout).toMatch(/^ {3}(met|left out)/m);
  expect(code).toBe(0);
}

/** Runs a torture on a server with one sabotage, which it must notice. */
export async function expectNoticed(name: string, sabotage: string): Promise<void> {
  const { code, stdout } = await torture('--sabotage', sabotage, name);
  expect(stdout).toMatch(/^ {3}MISSED/m);
  expect(code).toBe(1);
}
