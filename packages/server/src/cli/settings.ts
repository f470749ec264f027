/** `quiver settings`: the settings of a client (contract section 9). */

import { Command } from 'commander';
import { misspeltSettings } from '../access/client-settings.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import {
  CONNECTION_HELP,
  type ConnectionOptions,
  connect,
  ReplyText,
  withConnection,
} from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

type SettingsOptions = ConnectionOptions & { readonly json?: boolean; readonly force?: boolean };

const EXAMPLES = `
Needs the admin token. Without name=value it shows the settings. A value is read as JSON, otherwise as text; null restores the default.
Unknown names are stored too. One that looks like a misspelt setting changes nothing and ends with exit code 2, except with --force.

  enableProfileApiAuthentication   whether the profile APIs require a profile token (false)
  profileLifetimeDays              days that a profile lives after a write, 1 to 90 (14)
  tokenLifetimeDays                days that a new profile token is valid (180)
  whenTooLarge                     refuse, or drop-oldest as at Adobe: a write above 64 KB (refuse)
  checking                         lenient, or strict as Adobe's OpenAPI description (lenient)
  unknownUpdate                    tell, or success as at Adobe: an update of an unknown profile (tell)
  customerIdAliases                aliases whose customer ids name a visitor, as a JSON list; null: all (null)
  placeholderIds                   what happens to writes with an id such as undefined: warn or refuse (warn)
  customerAttributesInFetch        whether a fetch shows customer attributes, as crs.<source>.<attribute> (false)
  indexedAttributes                attributes by whose values quiver list finds profiles through an index, as a JSON list of at most 8 ([])

Examples:
  quiver settings
  quiver settings enableProfileApiAuthentication=true
  quiver settings profileLifetimeDays=30 tokenLifetimeDays=null
  quiver settings 'indexedAttributes=["plan","country"]'
  quiver settings placeholderIds=refuse 'customerIdAliases=["crm"]'
`;

/** The command, to be added to the program. */
export function settingsCommand(end: End): Command {
  const command = new Command('settings')
    .description('show or change the settings of a client')
    .argument('[name=value...]', 'settings to change')
    .option('--json', 'print the unchanged reply of the server')
    .option('--force', 'store even a name that looks like a misspelt setting');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((changes: string[], options: SettingsOptions) => endWith(end, () => settings(changes, options)));
}

async function settings(changes: readonly string[], options: SettingsOptions): Promise<ExitCode> {
  const changed = Object.fromEntries(changes.map(changeOf));
  // A script that misspells a setting must not continue as if it were set.
  const [misspelt] = options.force ? [] : misspeltSettings(changed);
  if (misspelt !== undefined) {
    throw new ClientFailure(EXIT.wrongUse, `${shown(misspelt)} Nothing was changed; --force stores it`);
  }
  const { admin } = connect(options);
  const reply = new ReplyText();
  const members =
    changes.length === 0 ? await admin.settings(reply) : await admin.changeSettings(changed, reply);
  if (reply.warning !== null) writeNote(`warning: ${shown(reply.warning)}`);
  writeData(
    options.json
      ? `${reply.text}\n`
      : table(Object.entries(members).map(([name, value]) => [shown(name), shown(JSON.stringify(value))])),
  );
  return EXIT.ok;
}

function changeOf(text: string): [name: string, value: unknown] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new ClientFailure(EXIT.wrongUse, `${shown(text)}: expected name=value`);
  const value = text.slice(equals + 1);
  try {
    return [text.slice(0, equals), JSON.parse(value)];
  } catch {
    return [text.slice(0, equals), value];
  }
}
