import { ruleOf } from './system-problem.ts';

/**
 * Ends a process whose output cannot be written: silently when the reader has closed the pipe, as
 * in `quiver get crm-1 | head -1`; with one line and exit code 1 for any other reason, such as a
 * full disk. A server prints that line once and keeps running, because a full log disk must not
 * stop it.
 *
 * @param isServer whether this process continues without its readers, as a server does
 */
export function endOnBrokenPipe(isServer: boolean): void {
  let isSaid = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        if (!isServer) process.exit();
        return;
      }
      // The line goes to standard error; if standard error itself fails, the line is lost as well.
      if (stream === process.stdout && !isSaid) process.stderr.write(outputProblem(error));
      isSaid = true;
      if (!isServer) process.exit(1);
    });
  }
}

/**
 * One line that says why the output cannot be written:
 * `quiver: cannot write the output: the disk is full (ENOSPC)`.
 */
function outputProblem(error: NodeJS.ErrnoException): string {
  const code = error.code ?? 'unknown';
  const reason = ruleOf(code) ?? error.message.replaceAll(/\s+/g, ' ');
  return `quiver: cannot write the output: ${reason} (${code})\n`;
}
