/**
 * `npm start -- <flags>`: sets up what is missing, then runs `quiver serve <flags>` on Bun, or on
 * Node where Bun cannot run.
 *
 * `QUIVER_RUNTIME=node` selects Node.
 */

import { nodeVersionProblem } from '../packages/server/bin/node-version.mjs';
import { runInstead } from '../packages/server/bin/run-instead.mjs';

const problem = nodeVersionProblem();
if (problem !== undefined) {
  process.stderr.write(`quiver: ${problem}\n`);
  process.exit(1);
}
// Imported only now: an old Node might not even load it.
const { serverCommand } = await import('./setup.mjs');
const [command, main] = serverCommand();
runInstead(command, [main, 'serve', ...process.argv.slice(2)], {
  endsWithParent: process.env.npm_lifecycle_event === 'start',
});
