/**
 * `npm start -- <flags>`: sets up what is missing, then `quiver serve <flags>` on Bun, or on Node where Bun cannot run.
 *
 * `QUIVER_RUNTIME=node` chooses Node.
 */

import { spawn } from 'node:child_process';
import { serverCommand } from './setup.mjs';

const [command, main] = serverCommand();
const child = spawn(command, [main, 'serve', ...process.argv.slice(2)], { stdio: 'inherit' });
// A terminal sends Ctrl-C to the child by itself; passed on once more it would count as the second, impatient one.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
// npm passes SIGTERM to the shell that it put in between, which ends and leaves this process to another parent.
if (process.env.npm_lifecycle_event === 'start' && process.platform !== 'win32') {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 250);
  watch.unref();
}
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGTERM' ? 143 : 1);
});
