/** Resolves the links in a path, even if its target does not exist yet. */

import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * The path with all links resolved, including links whose target does not exist yet.
 *
 * @throws the system's error when a part of it cannot be read, or links form a circle
 */
export function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) throw error;
    const target = linkTarget(path);
    return target === undefined ? join(realPlace(dirname(path)), basename(path)) : realPlace(target);
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    // It is not a link, or does not exist.
    return undefined;
  }
}
