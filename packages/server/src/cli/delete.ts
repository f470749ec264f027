/** `quiver delete`: removes a profile with all its ids. */

import { Command } from 'commander';
import { type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
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

type DeleteOptions = ConnectionOptions & KindOptions;

const EXAMPLES = `
Needs the admin token or a profile token. The visitor's next visit may create the profile again.

Examples:
  quiver delete 4f0c2a1e9b7d4c55a1b2c3d4e5f60718
  quiver delete --third-party crm-1042
`;

/** The command, to be added to the program. */
export function deleteCommand(end: End): Command {
  const command = new Command('delete')
    .description('remove a profile with all its ids')
    .argument('<id>', 'tntId, thirdPartyId or ECID');
  return withConnection(withKind(command))
    .addHelpText('after', KIND_HELP + EXAMPLES + CONNECTION_HELP)
    .action((id: string, options: DeleteOptions) => endWith(end, () => remove(id, options)));
}

async function remove(id: string, options: DeleteOptions): Promise<ExitCode> {
  const server = connect(options);
  const { kind } = await firstOfKinds(id, kindsOf(id, options), options, (one, reply) =>
    server.removeProfile(one, reply),
  );
  writeNote(`removed ${KIND_LABELS[kind]} ${shown(id)}`);
  return EXIT.ok;
}
