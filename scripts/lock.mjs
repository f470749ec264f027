/**
 * `npm run lock`: completes the lock file. When some optional packages are not installed, npm
 * writes only those of the current platform, and `npm ci` then refuses the file everywhere (npm/cli
 * issue 4828). This resolves everything that depends on a missing package again, in an empty
 * folder, and takes over the result.
 *
 * `npm run check` only calls `missingFromLock`.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './setup.mjs';

const LOCK = 'package-lock.json';

/**
 * Dependencies of packages in a lock file that the file does not contain.
 *
 * @param lock the parsed file
 * @returns one entry per missing package: its name, and the path in the file of the package that
 *   needs it
 */
export function missingFromLock(lock) {
  const { packages } = lock;
  return Object.entries(packages).flatMap(([path, { dependencies = {}, optionalDependencies = {}, link }]) =>
    link
      ? []
      : Object.keys({ ...dependencies, ...optionalDependencies })
          .filter((name) => !isFound(packages, path, name))
          .map((name) => ({ name, by: path })),
  );
}

/** Whether a package at `path` finds `name` as Node does: beside itself, then further up. */
function isFound(packages, path, name) {
  for (let folder = path; ; ) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
    const above = folder.lastIndexOf('/node_modules/');
    folder = above === -1 ? '' : folder.slice(0, above);
  }
}

/**
 * Completes the lock file of the checkout.
 * @returns the names of the packages that were missing
 */
function completeLock() {
  const lock = JSON.parse(readFileSync(join(ROOT, LOCK), 'utf8'));
  const missing = missingFromLock(lock);
  if (missing.length === 0) return [];
  // npm does not change existing entries. So whatever leads to a missing package is removed, and
  // whatever leads to that.
  const stale = new Set(missing.map(({ by }) => by));
  for (let before = -1; before !== stale.size; ) {
    before = stale.size;
    for (const [path, entry] of Object.entries(lock.packages)) {
      const names = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies });
      const leadsThere = names.some((name) => [...stale].some((one) => one.endsWith(`node_modules/${name}`)));
      if (path.includes('node_modules/') && !entry.link && leadsThere) stale.add(path);
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'quiver-lock-'));
  try {
    for (const path of Object.keys(lock.packages).filter((one) => !one.includes('node_modules/'))) {
      mkdirSync(join(folder, path), { recursive: true });
      cpSync(join(ROOT, path, 'package.json'), join(folder, path, 'package.json'));
    }
    cpSync(join(ROOT, '.npmrc'), join(folder, '.npmrc'));
    for (const path of stale) delete lock.packages[path];
    writeFileSync(join(folder, LOCK), JSON.stringify(lock, undefined, 2));
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    execFileSync(npm, ['install', '--package-lock-only', '--ignore-scripts', '--loglevel=error'], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    });
    cpSync(join(folder, LOCK), join(ROOT, LOCK));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return missing.map(({ name }) => name);
}

/** Describes what is missing, for `npm run check`; undefined when nothing is. */
export function lockProblem() {
  const missing = missingFromLock(JSON.parse(readFileSync(join(ROOT, LOCK), 'utf8')));
  if (missing.length === 0) return undefined;
  const names = missing.map(({ name, by }) => `${name} (for ${by})`);
  return `npm ci would fail: ${LOCK} lacks ${names.join(', ')}. Run: npm run lock`;
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv[2] === '--check') {
    const problem = lockProblem();
    if (problem !== undefined) process.stderr.write(`${problem}\n`);
    process.exitCode = problem === undefined ? 0 : 1;
  } else {
    const added = completeLock();
    process.stdout.write(added.length === 0 ? 'the lock file is complete\n' : `added: ${added.join(', ')}\n`);
  }
}
