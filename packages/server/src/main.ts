/** Starts the command line. */

import { endOnBrokenPipe } from './cli/broken-pipe.ts';
import { run } from './cli/run.ts';

const args = process.argv.slice(2);
endOnBrokenPipe(args[0] === 'serve' || args[0] === 'worker');
const exitCode = await run(args);
if (exitCode !== undefined) {
  process.exitCode = exitCode;
  // When Node ends by itself, it removes signal handlers some time before the process is gone, and
  // a repeated Ctrl-C would then decide the exit code of a server.
  if (args[0] === 'serve') process.stderr.write('', () => process.exit());
}
