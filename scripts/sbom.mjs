/**
 * Writes the contents of an installation as CycloneDX: `node scripts/sbom.mjs <file> <folder>`. The
 * folder is one into which the packages were installed, so the list shows what users get.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [file, folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('sbom: name a file and a folder');
const isWindows = process.platform === 'win32';
const sbom = execFileSync(
  isWindows ? 'npm.cmd' : 'npm',
  ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'],
  {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell: isWindows,
  },
);
const list = JSON.parse(sbom);
// The server includes parts of other packages in its own files, which npm cannot see.
const bundled = join(folder, 'node_modules', 'quiver-server', 'dist', 'bundled.json');
const parts = existsSync(bundled) ? JSON.parse(readFileSync(bundled, 'utf8')) : [];
for (const { name, version, license } of parts) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const licenses = [{ expression: license }];
  list.components.push({ 'bom-ref': `bundled:${purl}`, type: 'library', name, version, licenses, purl });
}
writeFileSync(file, `${JSON.stringify(list, undefined, 2)}\n`);
process.stdout.write(`${list.components.length} components in ${file}\n`);
