/** `quiver set`: sets attributes of a profile (contract section 5). */

import { Command } from 'commander';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, writeNote } from './terminal-text.ts';
import {
  firstOfKinds,
  KIND_HELP,
  KIND_LABELS,
  type KindOptions,
  kindsOf,
  withKind,
} from './visitor-argument.ts';

type SetOptions = ConnectionOptions & KindOptions;

const EXAMPLES = `
The profile must exist, because an update creates none. A value may contain anything, including = signs, but must not be empty.

Examples:
  quiver set --third-party crm-1042 country=france plan=gold
  quiver set 4f0c2a1e9b7d4c55a1b2c3d4e5f60718 'motto=one = one'
`;

/** The command, to be added to the program. */
export function setCommand(end: End): Command {
  const command = new Command('set')
    .description('set attributes of a profile')
    .argument('<id>', 'tntId or thirdPartyId')
    .argument('<name=value...>', 'attributes, names without "profile."');
  return withConnection(withKind(command))
    .addHelpText('after', KIND_HELP + EXAMPLES + CONNECTION_HELP)
    .action((id: string, settings: string[], options: SetOptions) =>
      endWith(end, () => set(id, settings, options)),
    );
}

async function set(id: string, settings: readonly string[], options: SetOptions): Promise<ExitCode> {
  const attributes = Object.fromEntries(settings.map(attributeOf));
  const server = connect(options);
  const [likeliest, ...others] = kindsOf(id, options);
  if (likeliest === 'ecid') {
    throw new ClientFailure(
      EXIT.wrongUse,
      'an update cannot name its profile by an ECID; give its tntId or thirdPartyId',
    );
  }
  const kinds = [likeliest!, ...others.filter((other) => other !== 'ecid')];
  const { kind } = await firstOfKinds(id, kinds, options, (one, reply) =>
    server.updateProfile(one, attributes, reply),
  );
  writeNote(`set ${settings.length} of ${KIND_LABELS[kind]} ${shown(id)}`);
  return EXIT.ok;
}

function attributeOf(setting: string): [name: string, value: string] {
  const equals = setting.indexOf('=');
  const name = setting.slice(0, equals);
  const wrong = (what: string) => new ClientFailure(EXIT.wrongUse, `${shown(setting)}: ${what}`);
  if (equals < 1) throw wrong('expected name=value');
  if (name.startsWith('profile.')) throw wrong('write attribute names without "profile."');
  if (equals === setting.length - 1) throw wrong('an empty value would be ignored');
  return [name, setting.slice(equals + 1)];
}
