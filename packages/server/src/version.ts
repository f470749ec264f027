import { readFileSync } from 'node:fs';
import { embedded } from './embedded.ts';
import { PACKAGE_FOLDER } from './package-folder.ts';

/** The version of this program, as its package states it. */
export function quiverVersion(): string {
  const inExecutable = embedded()?.version;
  if (inExecutable !== undefined) return inExecutable;
  const manifest = readFileSync(new URL('package.json', PACKAGE_FOLDER), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** The name and version of the runtime: `Bun 1.4.5`. */
export function runtimeVersion(): string {
  const { bun, node } = process.versions;
  return bun === undefined ? `Node ${node}` : `Bun ${bun}`;
}
