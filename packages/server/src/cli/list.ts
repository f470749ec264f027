/**
 * `quiver list`: profiles, the last written first, or those whose ids begin with a prefix (contract
 * section 21).
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { AdminClient, IdKind, ListedProfile, ListQuery, ProfilePage } from 'quiver-client';
import { grouped } from '../batches/batch-format.ts';
import { KIND_NAMES } from '../wire/kind-names.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

interface ListOptions extends ConnectionOptions {
  readonly kind?: IdKind;
  readonly attribute?: string;
  readonly since?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Needs the admin token. Without a prefix the last written profiles come first; on Redis there is no order. The profiles are those
of the called edge cluster. --attribute examines every profile, unless the setting indexedAttributes names the attribute.

Examples:
  quiver list
  quiver list crm- --kind thirdPartyId --limit 1000
  quiver list --attribute plan=gold --since 2026-11-01
  quiver list --json | jq -r .id
`;

/** The command, to be added to the program. */
export function listCommand(end: End): Command {
  const command = new Command('list')
    .description('list profiles')
    .argument('[prefix]', 'the beginning of their ids')
    .addOption(new Option('--kind <kind>', 'with a prefix: only ids of this kind').choices(KIND_NAMES))
    .option('--attribute <name=value>', 'profiles whose attribute has exactly this value')
    .option('--since <time>', 'profiles that changed at this time or later, ISO 8601')
    .addOption(
      new Option('--limit <n>', 'the most profiles to list').default(50).argParser((text) => {
        if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
        throw new InvalidArgumentError('It must be a whole number of at least 1.');
      }),
    )
    .option('--json', 'print each profile with its attributes as one line of JSON');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((prefix: string | undefined, options: ListOptions) => endWith(end, () => list(prefix, options)));
}

async function list(prefix: string | undefined, options: ListOptions): Promise<ExitCode> {
  const { kind, limit, json } = options;
  if (kind !== undefined && prefix === undefined) {
    throw new ClientFailure(EXIT.wrongUse, '--kind only works with a prefix');
  }
  const query = {
    prefix,
    kind,
    writtenSince: options.since,
    attribute: options.attribute === undefined ? undefined : attributeOf(options.attribute),
    limit: Math.min(limit, 1000),
    withAttributes: json,
  };
  const found: ListedProfile[] = [];
  let count = 0;
  const { admin } = connect(options);
  for await (const profile of profilesOf(admin, query)) {
    if (count === limit) {
      writeNote(`there are more; --limit shows more than ${grouped(limit)}`);
      break;
    }
    count += 1;
    if (json) writeData(`${JSON.stringify(profile)}\n`);
    else found.push(profile);
  }
  if (found.length > 0) writeData(table([HEAD, ...found.map(lineOf)]));
  if (count === 0) writeNote('no profiles');
  return EXIT.ok;
}

/** All profiles that meet the conditions; notes when they do not come from a complete index. */
async function* profilesOf(admin: AdminClient, query: ListQuery): AsyncGenerator<ListedProfile> {
  let noted: string | undefined;
  for (let cursor: string | undefined; ; ) {
    const page: ProfilePage = await admin.profilePage({ ...query, cursor });
    const state = page.index?.state;
    if (state !== noted && state !== undefined && state !== 'complete') writeNote(INDEX_NOTES[state]);
    noted = state;
    yield* page.profiles;
    if (page.next === undefined) return;
    cursor = page.next;
  }
}

const INDEX_NOTES = {
  unfinished: 'the index of this attribute is not built yet; all profiles are searched',
  behind: 'the index of this attribute is behind; the latest changes are not included',
} as const;

const HEAD = ['MODIFIED', 'EXPIRES', 'IDS', 'ATTRIBUTES', 'KIND', 'ID'];

function lineOf({ kind, id, idCount, attributeCount, modifiedAt, expiresAt }: ListedProfile): string[] {
  return [modifiedAt, expiresAt, String(idCount), String(attributeCount), kind, shown(id)];
}

function attributeOf(setting: string): { name: string; value: string } {
  const equals = setting.indexOf('=');
  if (equals < 1) throw new ClientFailure(EXIT.wrongUse, `${shown(setting)}: expected name=value`);
  return { name: setting.slice(0, equals), value: setting.slice(equals + 1) };
}
