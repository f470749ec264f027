/** `quiver watch`: shows the calls to a server as they arrive (contract sections 11 and 13). */

import { Command } from 'commander';
import { type JournalCall, QuiverClientError } from 'quiver-client';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, writeData } from './terminal-text.ts';

type WatchOptions = ConnectionOptions & { readonly json?: boolean; readonly all?: boolean };

const EXAMPLES = `
Needs the admin token. Runs until the server or Ctrl-C ends it. A sandbox shows all calls and what each one changed,
a server those that it refused, or all with --journal 1000.

Examples:
  quiver watch
  quiver watch --all
  quiver watch --json | jq -r .reason
`;

/** The command, to be added to the program. */
export function watchCommand(end: End): Command {
  const command = new Command('watch')
    .description('show the calls to a sandbox or a server as they arrive')
    .option('--all', 'show the calls of all clients')
    .option('--json', 'print each call as one line of JSON');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: WatchOptions) => endWith(end, () => watch(options)));
}

async function watch(options: WatchOptions): Promise<ExitCode> {
  const { admin } = connect(options);
  const { requests, requestsKept } = await admin.server();
  if (!requests) {
    throw new ClientFailure(
      EXIT.refused,
      `${options.url} keeps no journal; start it with --journal 1000, or use a sandbox`,
    );
  }
  if (requestsKept === 'refused') {
    process.stderr.write('quiver: only calls that are refused; a server with --journal 1000 shows all\n');
  }
  try {
    for await (const call of admin.requestsFromNow(requests, options.all)) {
      writeData(options.json ? `${JSON.stringify(call)}\n` : lineOf(call));
    }
  } catch (cause) {
    if (cause instanceof QuiverClientError) throw cause;
    throw new ClientFailure(EXIT.unreachable, `${options.url} has ended`, { cause });
  }
  return EXIT.ok;
}

function lineOf(call: JournalCall): string {
  const changes = call.changes.map(({ what, attributes }) =>
    [what, ...Object.keys(attributes ?? {}).map(shown)].join(' '),
  );
  const parts = [
    call.at.slice(11, 23),
    (call.route ?? '-').padEnd(11),
    String(call.status),
    `${call.ms.toFixed(1)} ms`.padStart(9),
    shown(call.client || '-'),
    `${call.method} ${shown(call.path)}`,
    call.ids.map(({ value }) => shown(value)).join(' '),
    call.fault === undefined
      ? call.reason === undefined
        ? changes.join(', ')
        : shown(call.reason)
      : call.fault,
  ];
  return `${parts.filter((part) => part !== '').join('  ')}\n`;
}
