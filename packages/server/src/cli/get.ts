/** `quiver get`: shows a profile (contract section 4). */

import { Command } from 'commander';
import type { Profile } from 'quiver-client';
import { type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, table, writeData } from './terminal-text.ts';
import {
  type AddressedKind,
  firstOfKinds,
  KIND_HELP,
  KIND_LABELS,
  type KindOptions,
  kindsOf,
  withKind,
} from './visitor-argument.ts';

type GetOptions = ConnectionOptions & KindOptions & { readonly json?: boolean };

const EXAMPLES = `
Examples:
  quiver get 4f0c2a1e9b7d4c55a1b2c3d4e5f60718.28_20
  quiver get --third-party crm-1042
  quiver get crm-1042 --json | jq -r .profileAttributes.country.value
`;

/** The command, to be added to the program. */
export function getCommand(end: End): Command {
  const command = new Command('get')
    .description('show a profile')
    .argument('<id>', 'tntId, thirdPartyId or ECID')
    .option('--json', 'print the unchanged reply of the server');
  return withConnection(withKind(command))
    .addHelpText('after', KIND_HELP + EXAMPLES + CONNECTION_HELP)
    .action((id: string, options: GetOptions) => endWith(end, () => get(id, options)));
}

async function get(id: string, options: GetOptions): Promise<ExitCode> {
  const server = connect(options);
  const { kind, answer, reply } = await firstOfKinds(id, kindsOf(id, options), options, (one, text) =>
    server.fetchProfile(one, text),
  );
  writeData(options.json ? `${reply.text}\n` : profileText(kind, answer));
  return EXIT.ok;
}

function profileText(kind: AddressedKind, profile: Profile): string {
  const head = [
    [KIND_LABELS[kind], shown(profile.visitorId)],
    ['modified', profile.modifiedAt],
  ];
  const attributes = Object.entries(profile.profileAttributes).map(([name, { value, modifiedAt }]) => [
    shown(name),
    shown(value),
    modifiedAt,
  ]);
  return `${table(head)}${attributes.length === 0 ? '' : `\n${table(attributes)}`}`;
}
