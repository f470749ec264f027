/** `quiver health`: asks a server whether it can serve, for the health checks of containers and services. */

import { Command } from 'commander';
import { type End, EXIT, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { writeNote } from './terminal-text.ts';

/** A check that has to wait longer has its answer. */
const TIMEOUT_MS = 5000;

const EXAMPLES = `
Needs no token. Exit code 0: it serves, writes too. 1: it runs and cannot serve now, for the reason that is shown.

Examples:
  quiver health
  quiver health --url https://quiver.example.com
`;

/** The command, to be added to the program. */
export function healthCommand(end: End): Command {
  return withConnection(new Command('health').description('ask a server whether it can serve'))
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: ConnectionOptions) =>
      endWith(end, async () => {
        const limits = { retries: 0, timeoutMs: TIMEOUT_MS };
        const { text } = await connect(options).request({ path: '/readyz' }, limits);
        writeNote(text.trim());
        return EXIT.ok;
      }),
    );
}
