/**
 * The folder for temporary files, from which a single executable loads the engine of the embedded
 * store.
 */

import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Why the engine cannot be unpacked into a folder and loaded from there, as one line; undefined
 * when it can.
 *
 * @param folder where Bun unpacks it; by default the folder for temporary files
 */
export function temporaryFolderProblem(
  folder: string = process.env.BUN_TMPDIR || tmpdir(),
): string | undefined {
  const advice = 'set TMPDIR to a folder where this user may write and run programs';
  try {
    if (!statSync(folder).isDirectory()) return `TMPDIR: ${folder} is not a folder; ${advice}`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return runsPrograms(folder) ? undefined : `TMPDIR: ${folder} does not allow programs (noexec); ${advice}`;
  } catch (error) {
    return `TMPDIR: cannot write to ${folder} (${(error as NodeJS.ErrnoException).code}); ${advice}`;
  }
}

/**
 * Runs a one-line script from a folder: a file system mounted `noexec` refuses it, even to root.
 */
function runsPrograms(folder: string): boolean {
  if (process.platform === 'win32') return true;
  const own = mkdtempSync(join(folder, 'quiver-'));
  try {
    const script = join(own, 'runs');
    writeFileSync(script, '#!/bin/sh\n', { mode: 0o700 });
    // Other failures, such as a missing shell, say nothing about the folder.
    return (
      (spawnSync(script, { stdio: 'ignore' }).error as NodeJS.ErrnoException | undefined)?.code !== 'EACCES'
    );
  } finally {
    rmSync(own, { recursive: true });
  }
}
