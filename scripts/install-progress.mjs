/**
 * Prints to stderr every few seconds how many packages are installed. Started beside npm by
 * `setup.mjs`, and ends with it.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { arch, platform, ppid } from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
const EVERY_MS = 3000;

const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', ROOT), 'utf8'));
const wanted = Object.keys(packages).filter(
  (path) => /^node_modules\//.test(path) && isForHere(packages[path]),
);
const parent = ppid;

setInterval(() => {
  // npm may have been killed, with nobody left to end this process.
  if (process.ppid !== parent) process.exit();
  const folder = fileURLToPath(new URL('node_modules', ROOT));
  const installed = existsSync(folder)
    ? wanted.filter((path) => isFilled(fileURLToPath(new URL(path, ROOT)))).length
    : 0;
  process.stderr.write(`quiver: ${installed} of ${wanted.length} packages installed\n`);
}, EVERY_MS);

function isForHere({ os = [platform], cpu = [arch], optional, link }) {
  return !link && (!optional || (os.includes(platform) && cpu.includes(arch)));
}

function isFilled(folder) {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}
