/** What `quiver-server` exports. One line an export; each also stands in `exports` of the package if it has a path of its own. */

export { run } from './cli/run.ts';
export { quiverVersion } from './version.ts';
