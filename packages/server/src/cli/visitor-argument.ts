/** The id that a person gives to `quiver get` and `quiver set`, whose kind is told by its form unless a flag says it. */

import { type Command, Option } from 'commander';
import type { IdKind } from '../domain/visitor-id.ts';

export interface KindOptions {
  readonly thirdParty?: boolean;
  readonly ecid?: boolean;
  readonly tnt?: boolean;
}

/** Adds `--third-party`, `--ecid` and `--tnt`, of which one may be given. */
export function withKind(command: Command): Command {
  return command
    .addOption(new Option('--third-party', 'the id is a thirdPartyId').conflicts(['ecid', 'tnt']))
    .addOption(new Option('--ecid', 'the id is an ECID').conflicts(['thirdParty', 'tnt']))
    .addOption(new Option('--tnt', 'the id is a tntId').conflicts(['thirdParty', 'ecid']));
}

/** Help on how a kind is told. */
export const KIND_HELP = `
Without a flag the form of the id tells its kind: 38 digits are an ECID; 32 hex digits, or an id with a location hint
such as .28_20, a tntId. Any other is looked for as a tntId first, then as a thirdPartyId.
`;

/** The kinds that an id may be of, in the order in which to try them. */
export function kindsOf(id: string, { thirdParty, ecid, tnt }: KindOptions): readonly IdKind[] {
  if (thirdParty) return ['thirdPartyId'];
  if (ecid) return ['ecid'];
  if (tnt) return ['tntId'];
  if (/^\d{38}$/.test(id)) return ['ecid'];
  if (/^[0-9a-f]{32}$/i.test(id) || /^[^.]+\.\d+(_\d+)?$/.test(id)) return ['tntId'];
  return ['tntId', 'thirdPartyId'];
}

export const KIND_NAMES: Readonly<Record<IdKind, string>> = {
  thirdPartyId: 'thirdPartyId',
  ecid: 'ECID',
  tntId: 'tntId',
};
