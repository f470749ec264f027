/**
 * Writes `SHA256SUMS` for the files of a folder, in the form that `sha256sum --check` reads:
 * `node scripts/checksums.mjs <folder>`.
 */

import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const LIST = 'SHA256SUMS';
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('checksums: name a folder');

const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== LIST)
  .map(({ name }) => name)
  .sort();
const lines = [];
for (const name of names) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(join(folder, name)), hash);
  lines.push(`${hash.digest('hex')}  ${name}\n`);
}
writeFileSync(join(folder, LIST), lines.join(''));
process.stdout.write(`${names.length} files in ${join(folder, LIST)}\n`);
