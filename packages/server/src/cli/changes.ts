/** `quiver changes`: the changes of all profiles in order, or of one (contract section 18). */

import { Command, InvalidArgumentError } from 'commander';
import type { Change, ChangeType } from 'quiver-client';
import { CHANGE_TYPES } from '../domain/change.ts';
import { kindName } from '../wire/kind-names.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, writeData, writeNote } from './terminal-text.ts';
import { KIND_HELP, type KindOptions, kindsOf, withKind } from './visitor-argument.ts';

interface ChangesOptions extends ConnectionOptions, KindOptions {
  readonly after?: string;
  readonly types?: readonly ChangeType[];
  readonly limit?: number;
  readonly profile?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly before?: string;
}

const EXAMPLES = `
Needs the admin token. Shows the changes after the cursor, or all that are kept, and ends; with --follow it continues until Ctrl-C.
The last line on stderr is the cursor to continue from.
With an id, shows the changes of its profile, newest first, also of profiles that were merged into it.

Examples:
  quiver changes
  quiver changes --after now --follow
  quiver changes --types merged,removed --json | jq -r .profile.id
  quiver changes --after 9f2c41d07ab3-4711 --profile --json
  quiver changes crm-4711 --limit 20
`;

/** The largest page, in changes. */
const PAGE = 1000;
/** Flags that cannot be used with an id. */
const OF_ALL_PROFILES = ['after', 'types', 'profile', 'follow'] as const;

/** The command, to be added to the program. */
export function changesCommand(end: End): Command {
  const command = new Command('changes')
    .description('show changes of profiles, in order')
    .argument('[id]', 'only of the profile with this tntId, thirdPartyId or ECID, newest first')
    .option('--after <cursor>', 'start after this cursor, or at now; by default at the oldest change kept')
    .option('--types <types>', `some of ${CHANGE_TYPES.join(', ')}, separated by commas`, typesOf)
    .option('--limit <number>', 'show at most this many', countOf)
    .option('--profile', 'with --json: add the current profile to each change')
    .option('--follow', 'keep showing new changes')
    .option('--json', 'print each change as one line of JSON')
    .option('--before <cursor>', 'with an id: only what is older than this cursor');
  return withConnection(withKind(command))
    .addHelpText('after', KIND_HELP + EXAMPLES + CONNECTION_HELP)
    .action((id: string | undefined, options: ChangesOptions) =>
      endWith(end, () => (id === undefined ? showChanges(options) : showTimeline(id, options))),
    );
}

/** Shows the changes of one profile, and continues where a call has read as much as it may. */
async function showTimeline(id: string, options: ChangesOptions): Promise<ExitCode> {
  const unfit = OF_ALL_PROFILES.find((name) => options[name] !== undefined);
  if (unfit !== undefined) throw new ClientFailure(EXIT.wrongUse, `--${unfit} cannot be used with an id`);
  const { admin } = connect(options);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let seen = 0;
  let next: string | undefined;
  for (const kind of kindsOf(id, options)) {
    next = options.before;
    do {
      const wanted = { before: next, limit: Math.min(PAGE, left) };
      const page = await admin.timeline(id, kindName(kind), wanted);
      writeData(page.changes.map((change) => textOf(change, options)).join(''));
      next = page.next;
      seen += page.changes.length;
      left -= page.changes.length;
    } while (next !== undefined && left > 0);
    if (seen > 0) break;
  }
  if (seen === 0) writeNote(`no change of ${shown(id)} is kept`);
  if (next !== undefined) writeNote(`continue with --before ${next}`);
  return EXIT.ok;
}

async function showChanges(options: ChangesOptions): Promise<ExitCode> {
  if (options.before !== undefined) throw new ClientFailure(EXIT.wrongUse, '--before needs an id');
  const { types, follow = false, limit = Number.POSITIVE_INFINITY } = options;
  const { admin } = connect(options);
  const include = options.profile ? 'profile' : undefined;
  let { after } = options;
  for (let left = limit; left > 0; ) {
    const wanted = { after, types, include, limit: Math.min(PAGE, left) } as const;
    const page = await admin.changes(wanted, follow ? 30 : 0);
    writeData(page.changes.map((change) => textOf(change, options)).join(''));
    after = page.next;
    left -= page.changes.length;
    if (!page.more && !follow) break;
  }
  if (after !== undefined) writeNote(`continue with --after ${after}`);
  return EXIT.ok;
}

function textOf(change: Change, { json }: ChangesOptions): string {
  return json ? `${JSON.stringify(change)}\n` : lineOf(change);
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
