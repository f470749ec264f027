/** `quiver watch`: the calls that a sandbox is sent, as they come (contract section 13). */

import { Command } from 'commander';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, writeData } from './terminal-text.ts';

type WatchOptions = ConnectionOptions & { readonly json?: boolean; readonly all?: boolean };

/** What is shown of a call of the journal. */
interface WatchedCall {
  readonly at: string;
  readonly route?: string;
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly ids: readonly { readonly value: string }[];
  readonly changes: readonly {
    readonly what: string;
    readonly attributes?: Readonly<Record<string, string>>;
  }[];
  readonly fault?: string;
  readonly reason?: string;
}

const EXAMPLES = `
Needs a sandbox and its admin token. Goes on until the sandbox or Ctrl-C ends it.

Examples:
  quiver watch
  quiver watch --all
  quiver watch --json | jq -r .reason
`;

/** The command, to be added to the program. */
export function watchCommand(end: End): Command {
  const command = new Command('watch')
    .description('show the calls that a sandbox is sent, as they come')
    .option('--all', 'those of all clients')
    .option('--json', 'each call as the journal has it, a line each');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: WatchOptions) => endWith(end, () => watch(options)));
}

async function watch(options: WatchOptions): Promise<ExitCode> {
  const body = await connect(options).admin.sandboxRequests(options.all);
  try {
    for await (const data of eventsOf(body)) {
      writeData(options.json ? `${data}\n` : lineOf(JSON.parse(data)));
    }
  } catch (cause) {
    if (cause instanceof SyntaxError) throw cause;
    throw new ClientFailure(EXIT.unreachable, `${options.url} has ended`, { cause });
  }
  return EXIT.ok;
}

/** The data of server-sent events; each event has one line of it. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let waiting = '';
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    waiting += decoder.decode(chunk, { stream: true });
    const lines = waiting.split('\n');
    waiting = lines.pop()!;
    for (const line of lines) if (line.startsWith('data: ')) yield line.slice('data: '.length);
  }
}

function lineOf(call: WatchedCall): string {
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
