/** An id as an administrator types it, with its kind given or guessed from its form. */

import { idProblem, likelyKinds, type SentId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { KIND_NAMES, kindOfName } from '../wire/kind-names.ts';
import { lastValue, type Parameter } from '../wire/parameters.ts';

/**
 * The possible meanings of `id` and `kind` of a query, likeliest first (`likelyKinds`); only one
 * when the kind is given.
 *
 * @throws QuiverError `bad-request` when there is no id, the kind is unknown, or the id fits no
 *   kind
 */
export function typedIds(query: readonly Parameter[]): SentId[] {
  const text = lastValue(query, 'id');
  if (text === undefined || text === '') throw new QuiverError('bad-request', 'id: must be given');
  const said = lastValue(query, 'kind');
  if (said !== undefined && said !== '') {
    const kind = kindOfName(said);
    if (!kind) throw new QuiverError('bad-request', `kind: must be ${KIND_NAMES.join(' or ')}`);
    const problem = idProblem(kind, text);
    if (problem !== undefined) throw new QuiverError('bad-request', `id: ${problem}`);
    return [{ kind, text }];
  }
  const kinds = likelyKinds(text);
  if (kinds.length === 0) throw new QuiverError('bad-request', `id: ${idProblem('thirdPartyId', text)}`);
  return kinds.map((kind) => ({ kind, text }));
}
