import { ruleOf } from './system-problem.ts';

/**
 * Ends a process whose output cannot be written: quietly when nobody reads it any longer, as in
 * `quiver get crm-1 | head -1`; with one line and exit code 1 for any other reason, such as a full disk. A server says that line once and
 * goes on, because a full disk of its log must not end it.
 *
 * @param isServer whether this process goes on without its readers: a server does
 */
export function endOnBrokenPipe(isServer: boolean): void {
  let isSaid = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        if (!isServer) process.exit();
        return;
      }
      // Standard error is for this line; when it is what fails, the line is lost as well.
      if (stream === process.stdout && !isSaid) process.stderr.write(outputProblem(error));
      isSaid = true;
      if (!isServer) process.exit(1);
    });
  }
}

/** The line on an output that cannot be written: `quiver: cannot write the output: the disk is full (ENOSPC)`. */
function outputProblem(error: NodeJS.ErrnoException): string {
  const code = error.code ?? 'unknown';
  const reason = ruleOf(code) ?? error.message.replaceAll(/\s+/g, ' ');
  return `quiver: cannot write the output: ${reason} (${code})\n`;
}
