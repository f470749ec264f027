/**
 * The id argument of `quiver get`, `set` and `delete`; its kind is guessed from its form unless a
 * flag names it.
 */

import { type Command, Option } from 'commander';
import { messageOf, type ProfileId, profileId } from 'quiver-client';
import { type IdKind, idProblem, likelyKinds } from '../domain/visitor-id.ts';
import { ClientFailure, EXIT } from './client-failure.ts';
import { ReplyText } from './server-connection.ts';
import { shown } from './terminal-text.ts';

export interface KindOptions {
  readonly thirdParty?: boolean;
  readonly ecid?: boolean;
  readonly tnt?: boolean;
}

/** Adds `--third-party`, `--ecid` and `--tnt`, which exclude each other. */
export function withKind(command: Command): Command {
  return command
    .addOption(new Option('--third-party', 'the id is a thirdPartyId').conflicts(['ecid', 'tnt']))
    .addOption(new Option('--ecid', 'the id is an ECID').conflicts(['thirdParty', 'tnt']))
    .addOption(new Option('--tnt', 'the id is a tntId').conflicts(['thirdParty', 'ecid']));
}

/** Help on how the kind is guessed. */
export const KIND_HELP = `
Without a flag the kind of the id is guessed from its form: 38 digits are an ECID; 32 hex digits, or an id with a
location hint such as .28_20, a tntId; any other a thirdPartyId. The other kinds are tried next. The console finds
profiles by the same rule, and also by a customer id with its alias, such as crm:4711.
`;

/** The kinds of id by which the profile APIs address a profile; customer ids are not among them. */
export type AddressedKind = Exclude<IdKind, 'customerId'>;

/**
 * The possible kinds of an id, likeliest first. @throws ClientFailure for an id that fits no kind
 */
export function kindsOf(id: string, { thirdParty, ecid, tnt }: KindOptions): readonly AddressedKind[] {
  if (thirdParty) return ['thirdPartyId'];
  if (ecid) return ['ecid'];
  if (tnt) return ['tntId'];
  const kinds = likelyKinds(id).filter((kind) => kind !== 'customerId');
  if (kinds.length > 0) return kinds;
  throw new ClientFailure(EXIT.wrongUse, `${shown(id)}: ${idProblem('thirdPartyId', id)}`);
}

export const KIND_LABELS: Readonly<Record<AddressedKind, string>> = {
  thirdPartyId: 'thirdPartyId',
  ecid: 'ECID',
  tntId: 'tntId',
};

/** An id as the client sends it. */
function sentId(kind: AddressedKind, id: string): ProfileId {
  return profileId(kind === 'ecid' ? 'marketingCloudVisitorId' : kind, id);
}

/**
 * Asks the server for one kind of id after the other until one leads to a profile.
 *
 * @param ask undefined or false when no profile has the id
 * @throws ClientFailure `refused` when none of the kinds does: the server's message if only one
 *   kind was tried, else one line for all kinds
 */
export async function firstOfKinds<Answer>(
  id: string,
  kinds: readonly AddressedKind[],
  { client }: { readonly client: string },
  ask: (id: ProfileId, reply: ReplyText) => Promise<Answer | undefined | false>,
): Promise<{ readonly kind: AddressedKind; readonly answer: Answer; readonly reply: ReplyText }> {
  let message = '';
  for (const kind of kinds) {
    const reply = new ReplyText();
    const answer = await ask(sentId(kind, id), reply);
    if (answer) return { kind, answer, reply };
    message = messageOf(reply.text);
  }
  const names = kinds.map((kind) => KIND_LABELS[kind]);
  if (kinds.length > 1) {
    message = `No profile found for client ${client} with ${names.slice(0, -1).join(', ')} or ${names.at(-1)} ${shown(id)}`;
  }
  throw new ClientFailure(EXIT.refused, message);
}
