/** The class behind every opened store, so that a sabotage can spoil one of its methods before the server opens any. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// biome-ignore lint/correctness/noUndeclaredDependencies: the very copy that the server uses
import { open } from 'lmdb';

const folder = mkdtempSync(join(tmpdir(), 'quiver-torture-class-'));
const root = open({ path: folder });

/** Methods found here are those of every store. */
export const engine = Object.getPrototypeOf(root);

await root.close();
rmSync(folder, { recursive: true, force: true });
