import { QuiverArgumentError } from './errors.ts';

/** One id of a profile, by its kind. An ECID is `marketingCloudVisitorId`, as the APIs call it. */
export type ProfileId =
  | { readonly tntId: string }
  | { readonly thirdPartyId: string }
  | { readonly marketingCloudVisitorId: string };

/**
 * The kinds of ids. A customer id is `<id>` of an integration code, as a visit names it (only
 * Quiver).
 */
export type IdKind = 'tntId' | 'thirdPartyId' | 'customerId' | 'marketingCloudVisitorId';

/** The kinds by which a fetch finds a profile. */
export type FetchKind = Exclude<IdKind, 'customerId'>;

/** Makes an id of a kind. */
export function profileId(kind: FetchKind, id: string): ProfileId {
  return { [kind]: id } as ProfileId;
}

const FETCH_KINDS: readonly FetchKind[] = ['tntId', 'thirdPartyId', 'marketingCloudVisitorId'];

/**
 * Returns the one id that a caller gave, for callers without type checks.
 *
 * @param kinds the kinds that the call allows; by default those of a fetch
 * @throws QuiverArgumentError unless it is exactly one non-empty id of these kinds; the message
 *   names the kinds
 */
export function onlyId<Kind extends FetchKind = FetchKind>(
  id: unknown,
  kinds: readonly Kind[] = FETCH_KINDS as readonly Kind[],
): readonly [kind: Kind, value: string] {
  const given = typeof id === 'object' && id !== null ? Object.entries(id) : [];
  const members = given.filter(([, value]) => value !== undefined) as [Kind, unknown][];
  const [kind, value] = members[0] ?? [];
  if (members.length !== 1 || kind === undefined || !kinds.includes(kind)) {
    throw new QuiverArgumentError(`id: must be an object with exactly one of ${kinds.join(', ')}`);
  }
  return [kind, textOf(kind, value)];
}

/** A required text. @throws QuiverArgumentError unless it is a non-empty string */
export function textOf(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new QuiverArgumentError(`${name}: must be a string that is not empty`);
}
