/**
 * Ends quietly when nobody reads the output any longer, as in `quiver get crm-1 | head -1`.
 *
 * @param isServer whether this process goes on without its output: a server does
 */
export function endOnBrokenPipe(isServer: boolean): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (!isServer) process.exit();
    });
  }
}
