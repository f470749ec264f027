/** `quiver privacy`: access to, erasure and suppression of persons (contract section 22). */

import { setTimeout as pause } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { IdKind, PrivacyRequestView, PrivacyType } from 'quiver-client';
import { likelyKinds } from '../domain/visitor-id.ts';
import { KIND_NAMES, kindName } from '../wire/kind-names.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

interface PrivacyOptions extends ConnectionOptions {
  readonly kind?: IdKind;
  readonly tnt?: boolean;
  readonly callback?: string;
}

type SecretOptions = ConnectionOptions & { readonly new?: boolean };

const ABOUT: Readonly<Record<PrivacyType, string>> = {
  access: 'show everything stored about a person',
  erase: 'remove a person everywhere and store nothing about them again',
  suppress: 'store nothing about a person from now on',
  unsuppress: 'allow a person to be stored again',
};

const EXAMPLES = `
Needs the admin token. Without --kind the kind of an id is guessed from its form. The command waits until the
request is complete. If you interrupt the command, the request continues; "quiver privacy status" shows its progress.
With --callback the server also sends a message to that URL then, as a Standard Webhook signed with the secret that
"quiver privacy secret" shows.

Examples:
  quiver privacy access crm-1042 > person.json
  quiver privacy erase crm-1042 --kind thirdPartyId
  quiver privacy unsuppress crm-1042
  quiver privacy erase crm-1042 --callback https://example.com/hooks/privacy
  quiver privacy status 20260818175339003-4c1fd1a0c6b3
`;
const LOOK_EVERY_MS = 300;

/** The command, to be added to the program. */
export function privacyCommand(end: End): Command {
  const privacy = new Command('privacy').description('give access to, erase and suppress persons');
  for (const type of Object.keys(ABOUT) as PrivacyType[]) {
    const command = new Command(type)
      .description(ABOUT[type])
      .argument('<id...>', 'ids of the persons')
      .addOption(new Option('--kind <kind>', 'the kind of the ids').choices(KIND_NAMES))
      .addOption(new Option('--tnt', 'the ids are tntIds').conflicts('kind'))
      .option('--callback <url>', 'where to send a message when the request is complete');
    privacy.addCommand(
      withConnection(command)
        .addHelpText('after', EXAMPLES + CONNECTION_HELP)
        .action((ids: string[], options: PrivacyOptions) => endWith(end, () => request(type, ids, options))),
    );
  }
  const status = new Command('status')
    .description('show the progress of a request; exit code 1 while it is not complete')
    .argument('<id>', 'the id of the request');
  privacy.addCommand(
    withConnection(status)
      .addHelpText('after', EXAMPLES + CONNECTION_HELP)
      .action((id: string, options: ConnectionOptions) => endWith(end, () => show(id, options))),
  );
  const secret = new Command('secret')
    .description('show the secret that messages to --callback are signed with')
    .option('--new', 'create a new one; the current one is revoked at once');
  privacy.addCommand(
    withConnection(secret)
      .addHelpText('after', EXAMPLES + CONNECTION_HELP)
      .action((options: SecretOptions) => endWith(end, () => showSecret(options))),
  );
  return privacy;
}

async function request(
  type: PrivacyType,
  ids: readonly string[],
  options: PrivacyOptions,
): Promise<ExitCode> {
  const { admin } = connect(options);
  const identities = ids.map((id) => ({ [kindOf(id, options)]: id }));
  const { callback } = options;
  let view = await admin.privacyRequest(type, identities, callback === undefined ? {} : { callback });
  writeNote(`request ${shown(view.id)}`);
  for (let said = ''; view.state !== 'complete'; ) {
    await pause(LOOK_EVERY_MS);
    view = (await admin.privacyStatus(view.id)) ?? view;
    const waits = view.waitingFor.join('; ');
    if (waits !== said && waits !== '') writeNote(`waits for: ${shown(waits)}`);
    said = waits;
  }
  if (type !== 'access') {
    writeData(table(linesOf(view)));
    return EXIT.ok;
  }
  for (const [place, { found, file }] of view.results.entries()) {
    if (found && file !== undefined) writeData(`${await admin.privacyFile(view.id, place + 1)}\n`);
    else writeNote(`nothing is stored of ${shown(ids[place]!)}`);
  }
  return EXIT.ok;
}

async function show(id: string, options: ConnectionOptions): Promise<ExitCode> {
  const view = await connect(options).admin.privacyStatus(id);
  if (view === undefined) {
    throw new ClientFailure(EXIT.refused, `no privacy request ${shown(id)} for client ${options.client}`);
  }
  writeData(
    table([
      ['state', view.state],
      ...view.waitingFor.map((what) => ['waits for', shown(what)]),
      ...callbackLines(view),
    ]),
  );
  writeData(table(linesOf(view)));
  return view.state === 'complete' ? EXIT.ok : EXIT.refused;
}

function callbackLines({ callback }: PrivacyRequestView): string[][] {
  if (!callback) return [];
  const { state, attempts, error } = callback;
  const problem = error === null ? '' : `, attempt ${attempts}: ${shown(error)}`;
  return [['callback', `${state}${problem}`]];
}

async function showSecret(options: SecretOptions): Promise<ExitCode> {
  writeData(`${await connect(options).admin.privacySecret(options.new)}\n`);
  return EXIT.ok;
}

function linesOf({ results }: PrivacyRequestView): string[][] {
  return results.map(({ kind, reference, found }) => [kind, reference, found ? 'found' : 'had no profile']);
}

function kindOf(id: string, { kind, tnt }: PrivacyOptions): IdKind {
  if (tnt) return 'tntId';
  if (kind !== undefined) return kind;
  const [likeliest] = likelyKinds(id);
  if (likeliest === undefined) throw new ClientFailure(EXIT.wrongUse, `${shown(id)}: is not an id`);
  return kindName(likeliest);
}
