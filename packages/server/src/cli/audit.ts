/** `quiver audit`: what administrators did (contract section 23). */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { AuditEntryView } from 'quiver-client';
import { type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

interface AuditOptions extends ConnectionOptions {
  readonly since?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Needs the admin token. Newest first. An id of a visitor is shown as its keyed hash.

Examples:
  quiver audit
  quiver audit --since 2026-11-01 --limit 1000
  quiver audit --json | jq -r 'select(.by.kind == "session") | .action'
`;

/** The command, to be added to the program. */
export function auditCommand(end: End): Command {
  const command = new Command('audit')
    .description('show what administrators did')
    .option('--since <time>', 'only entries of this time or later, ISO 8601')
    .addOption(
      new Option('--limit <n>', 'the most entries to show').default(100).argParser((text) => {
        if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
        throw new InvalidArgumentError('It must be a whole number of at least 1.');
      }),
    )
    .option('--json', 'print each entry as one line of JSON');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: AuditOptions) => endWith(end, () => show(options)));
}

async function show({ since, limit, json, ...options }: AuditOptions): Promise<ExitCode> {
  const lines: string[][] = [];
  let count = 0;
  for await (const entry of connect(options).admin.audit(since)) {
    if (count === limit) {
      writeNote('there are more; --limit shows more');
      break;
    }
    count += 1;
    if (json) writeData(`${JSON.stringify(entry)}\n`);
    else lines.push(lineOf(entry));
  }
  if (lines.length > 0) writeData(table([['AT', 'BY', 'ACTION', 'TARGET'], ...lines]));
  if (count === 0) writeNote('nothing was done');
  return EXIT.ok;
}

function lineOf({ at, by, action, target }: AuditEntryView): string[] {
  const parts = Object.entries(target).map(([name, value]) => `${shown(name)}=${shown(value)}`);
  return [at, `${by.kind} ${shown(by.id)}`, shown(action), parts.join(' ')];
}
