/**
 * `npm start -- <flags>`: sets up what is missing, then runs `quiver serve <flags>` on Bun, or on
 * Node where Bun cannot run.
 *
 * `QUIVER_RUNTIME=node` selects Node.
 */

import { runInstead } from '../packages/server/bin/run-instead.mjs';
import { serverCommand } from './setup.mjs';

const [command, main] = serverCommand();
runInstead(command, [main, 'serve', ...process.argv.slice(2)], {
  endsWithParent: process.env.npm_lifecycle_event === 'start',
});
