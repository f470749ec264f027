/**
 * Runs another program in place of this one: same input and output, signals passed on, its exit
 * code or signal as the end.
 */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
/** How often to look whether the parent is gone, where that is asked for. */
const PARENT_EVERY_MS = 250;

/**
 * @param endsWithParent whether the program is ended when the parent of this process goes away, see
 *   {@link onceParentIsGone}; false by default
 */
export function runInstead(command, args, { endsWithParent = false, env = process.env } = {}) {
  const isWindows = process.platform === 'win32';
  // In a process group of its own a signal reaches the program once, from here: a terminal sends
  // Ctrl-C to all of a group, and nobody else does when this is process 1 of a container. Windows
  // has no groups, and a console of its own instead.
  const child = spawn(command, args, { stdio: 'inherit', detached: !isWindows, env });
  for (const signal of SIGNALS) {
    if (isWindows && signal !== 'SIGINT' && signal !== 'SIGTERM') continue;
    // On Windows the console has told the program itself.
    process.on(signal, () => (isWindows ? undefined : child.kill(signal)));
  }
  // What ends this process in any other way that it can notice must not leave the program behind.
  process.once('exit', () => child.kill('SIGTERM'));
  if (endsWithParent) onceParentIsGone(() => child.kill('SIGTERM'));
  child.once('error', (error) => {
    process.stderr.write(`quiver: cannot run ${command}: ${error.message}\n`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}

/**
 * Calls back when the parent of this process has ended: npm and npx pass SIGTERM to a shell in
 * between, which ends and leaves this process to another parent. Does nothing on Windows.
 */
export function onceParentIsGone(callBack) {
  if (process.platform === 'win32') return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    callBack();
  }, PARENT_EVERY_MS);
  watch.unref();
}
