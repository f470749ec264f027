/** Pages of all profiles, or of those that meet conditions (contract section 21). */

import { attributesSize } from '../domain/attributes.ts';
import { MAX_THIRD_PARTY_ID } from '../domain/visitor-id.ts';
import { badRequest } from '../errors.ts';
import type { ListedProfile, ListQuery, ProfileLists } from '../storage/profile-lists.ts';
import type { Call } from '../wire/call.ts';
import { KIND_NAMES, kindName, kindOfName } from '../wire/kind-names.ts';
import { givenValue, type Parameter, wholeNumber } from '../wire/parameters.ts';
import { attributeViews, linkedIdView } from '../wire/profile-view.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Handler } from '../wire/route.ts';
import { timeParameter, timeText } from '../wire/time-text.ts';

const PAGE = 50;
const MOST_PAGE = 1000;
/** Longer than any cursor that a store makes. */
const MAX_CURSOR = 4096;

/** Replies with one page. @param now epoch milliseconds */
export function profileList(lists: Pick<ProfileLists, 'page'>, now: () => number): Handler {
  return async ({ client, query }: Call) => {
    const show = givenValue(query, 'show');
    if (show !== undefined && show !== 'attributes') throw badRequest('show: must be attributes');
    const { profiles, next, index } = await lists.page(client, listQuery(query), now());
    return jsonReply({
      profiles: profiles.map((one) => viewOf(one, show !== undefined)),
      ...(next !== undefined && { next }),
      ...(index !== undefined && { index }),
    });
  };
}

function viewOf({ id, ids, idCount, profile }: ListedProfile, withAttributes: boolean) {
  const attributes = attributeViews(profile.attributes);
  return {
    kind: kindName(id.kind),
    id: id.value,
    ids: ids.map(linkedIdView),
    idCount,
    modifiedAt: timeText(profile.modifiedAt),
    expiresAt: timeText(profile.expiresAt),
    sizeBytes: attributesSize(profile.attributes),
    attributeCount: attributes.length,
    ...(withAttributes && { attributes }),
  };
}

function listQuery(query: readonly Parameter[]): ListQuery {
  const prefix = givenValue(query, 'prefix');
  if (prefix !== undefined && (prefix.length > MAX_THIRD_PARTY_ID || !prefix.isWellFormed())) {
    throw badRequest(`prefix: must have at most ${MAX_THIRD_PARTY_ID} characters of well-formed Unicode`);
  }
  const kindText = givenValue(query, 'kind');
  const kind = kindOfName(kindText);
  if (kindText !== undefined && kind === undefined)
    throw badRequest(`kind: must be ${KIND_NAMES.join(' or ')}`);
  if (kind !== undefined && prefix === undefined) throw badRequest('kind: goes with prefix');
  const cursor = givenValue(query, 'cursor');
  if (cursor !== undefined && cursor.length > MAX_CURSOR) throw badRequest('cursor: is too long');
  return {
    prefix,
    kind,
    changedSince: timeParameter(givenValue(query, 'writtenSince'), 'writtenSince'),
    attribute: attributeOf(givenValue(query, 'attribute')),
    cursor,
    limit: wholeNumber(givenValue(query, 'limit'), 'limit', 1, MOST_PAGE) ?? PAGE,
  };
}

function attributeOf(text: string | undefined): ListQuery['attribute'] {
  if (text === undefined) return undefined;
  const colon = text.indexOf(':');
  if (colon < 1) throw badRequest('attribute: must be name:value');
  const name = text.slice(0, colon).replaceAll('%3A', ':').replaceAll('%25', '%');
  return { name, value: text.slice(colon + 1) };
}
