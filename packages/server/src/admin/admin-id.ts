/** An id as an administrator types it: of a kind that is said, or told by its form. */

import { type IdKind, idProblem, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { lastValue, type Parameter } from '../wire/parameters.ts';

/** The kinds as the API writes them. */
export const KIND_NAMES = ['tntId', 'thirdPartyId', 'marketingCloudVisitorId'] as const;
export type KindName = (typeof KIND_NAMES)[number];

/** An id with a kind that it may be of; `text` is as typed, a tntId with its location hint. */
export interface TypedId {
  readonly kind: IdKind;
  readonly text: string;
}

export function kindName(kind: IdKind): KindName {
  return kind === 'ecid' ? 'marketingCloudVisitorId' : kind;
}

/**
 * What `id` and `kind` of a query may mean, likeliest first; just one when the kind is said.
 *
 * 38 digits are an ECID, 32 hex characters or a location hint a tntId, all else a customer's own id; the other kinds come after.
 *
 * @throws QuiverError `bad-request` when there is no id, no such kind, or the id is of no kind
 */
export function typedIds(query: readonly Parameter[]): TypedId[] {
  const text = lastValue(query, 'id');
  if (text === undefined || text === '') throw new QuiverError('bad-request', 'id: must be given');
  const said = lastValue(query, 'kind');
  if (said !== undefined && said !== '') {
    const name = KIND_NAMES.find((one) => one === said);
    if (!name) throw new QuiverError('bad-request', `kind: must be ${KIND_NAMES.join(' or ')}`);
    const kind = name === 'marketingCloudVisitorId' ? 'ecid' : name;
    const problem = idProblem(kind, text);
    if (problem !== undefined) throw new QuiverError('bad-request', `id: ${problem}`);
    return [{ kind, text }];
  }
  const kinds = likeliestFirst(text).filter((kind) => idProblem(kind, text) === undefined);
  if (kinds.length === 0) throw new QuiverError('bad-request', `id: ${idProblem('thirdPartyId', text)}`);
  return kinds.map((kind) => ({ kind, text }));
}

/** The identity that a typed id stands for. */
export function visitorIdOf({ kind, text }: TypedId): VisitorId {
  return kind === 'tntId' ? parseTntId(text).id : { kind, value: text };
}

function likeliestFirst(text: string): IdKind[] {
  if (/^[0-9]{38}$/.test(text)) return ['ecid', 'tntId', 'thirdPartyId'];
  if (/^[0-9a-f]{32}$|\.[0-9]{1,4}(_[0-9]{1,4})?$/i.test(text)) return ['tntId', 'thirdPartyId', 'ecid'];
  return ['thirdPartyId', 'tntId', 'ecid'];
}
