/**
 * The exports of `quiver-server`, one per line; an export with its own path is also listed in
 * `exports` of the package.
 */

export { run } from './cli/run.ts';
export { quiverVersion } from './version.ts';
