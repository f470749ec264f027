/** `quiver changes`: the changes of profiles, in order (contract section 18). */

import { Command, InvalidArgumentError } from 'commander';
import type { Change, ChangeType } from 'quiver-client';
import { CHANGE_TYPES } from '../domain/change.ts';
import { type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, writeData, writeNote } from './terminal-text.ts';

type ChangesOptions = ConnectionOptions & {
  readonly after?: string;
  readonly types?: readonly ChangeType[];
  readonly limit?: number;
  readonly profile?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Needs the admin token. Shows the changes after the cursor, or all that are kept, and ends; with --follow it continues until Ctrl-C.
The last line on stderr is the cursor to continue from.

Examples:
  quiver changes
  quiver changes --after now --follow
  quiver changes --types merged,removed --json | jq -r .profile.id
  quiver changes --after 9f2c41d07ab3-4711 --profile --json
`;

/** The largest page, in changes. */
const PAGE = 1000;

/** The command, to be added to the program. */
export function changesCommand(end: End): Command {
  const command = new Command('changes')
    .description('show changes of profiles, in order')
    .option('--after <cursor>', 'start after this cursor, or at now; by default at the oldest change kept')
    .option('--types <types>', `some of ${CHANGE_TYPES.join(', ')}, separated by commas`, typesOf)
    .option('--limit <number>', 'show at most this many', countOf)
    .option('--profile', 'with --json: add the current profile to each change')
    .option('--follow', 'keep showing new changes')
    .option('--json', 'print each change as one line of JSON');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: ChangesOptions) => endWith(end, () => showChanges(options)));
}

async function showChanges(options: ChangesOptions): Promise<ExitCode> {
  const { types, follow = false, limit = Number.POSITIVE_INFINITY } = options;
  const { admin } = connect(options);
  const include = options.profile ? 'profile' : undefined;
  let { after } = options;
  for (let left = limit; left > 0; ) {
    const wanted = { after, types, include, limit: Math.min(PAGE, left) } as const;
    const page = await admin.changes(wanted, follow ? 30 : 0);
    writeData(
      page.changes.map((change) => (options.json ? `${JSON.stringify(change)}\n` : lineOf(change))).join(''),
    );
    after = page.next;
    left -= page.changes.length;
    if (!page.more && !follow) break;
  }
  if (after !== undefined) writeNote(`continue with --after ${after}`);
  return EXIT.ok;
}

function lineOf({ at, type, channel, profile, attributes, ids, from, overruled, cursor }: Change): string {
  const others = (ids ?? from ?? []).map(({ kind, id }) => `${kind} ${shown(id)}`).join(', ');
  const names = (attributes ?? overruled ?? []).map(shown).join(', ');
  const parts = [
    ...[at, type.padEnd(7), channel.padEnd(7), `${profile.kind} ${shown(profile.id)}`],
    others === '' ? '' : `${type === 'merged' ? 'from' : 'ids'}: ${others}`,
    names === '' ? '' : `${type === 'merged' ? 'overruled' : 'attributes'}: ${names}`,
    cursor,
  ];
  return `${parts.filter((part) => part !== '').join('  ')}\n`;
}

/** Parses a flag that lists types of changes. */
export function typesOf(text: string): readonly ChangeType[] {
  return text.split(',').map((name) => {
    const type = CHANGE_TYPES.find((one) => one === name.trim());
    if (type === undefined) throw new InvalidArgumentError(`It must be some of ${CHANGE_TYPES.join(', ')}.`);
    return type;
  });
}

function countOf(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return Number(text);
}
