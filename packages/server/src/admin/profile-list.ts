/** Pages of all profiles, or of those that meet conditions (contract section 21). */

import { attributesSize } from '../domain/attributes.ts';
import { MAX_THIRD_PARTY_ID } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { ListedProfile, ListQuery, ProfileLists } from '../storage/profile-lists.ts';
import type { Call } from '../wire/call.ts';
import { KIND_NAMES, kindName, kindOfName } from '../wire/kind-names.ts';
import { lastValue, type Parameter } from '../wire/parameters.ts';
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
    const show = given(query, 'show');
    if (show !== undefined && show !== 'attributes') throw wrong('show: must be attributes');
    const { profiles, next } = await lists.page(client, listQuery(query), now());
    return jsonReply({
      profiles: profiles.map((one) => viewOf(one, show !== undefined)),
      ...(next !== undefined && { next }),
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
  const prefix = given(query, 'prefix');
  if (prefix !== undefined && (prefix.length > MAX_THIRD_PARTY_ID || !prefix.isWellFormed())) {
    throw wrong(`prefix: must have at most ${MAX_THIRD_PARTY_ID} characters of well-formed Unicode`);
  }
  const kindText = given(query, 'kind');
  const kind = kindOfName(kindText);
  if (kindText !== undefined && kind === undefined) throw wrong(`kind: must be ${KIND_NAMES.join(' or ')}`);
  if (kind !== undefined && prefix === undefined) throw wrong('kind: goes with prefix');
  const limit = given(query, 'limit') ?? String(PAGE);
  if (!/^[1-9][0-9]{0,3}$/.test(limit) || Number(limit) > MOST_PAGE) {
    throw wrong(`limit: must be a whole number from 1 to ${MOST_PAGE}`);
  }
  const cursor = given(query, 'cursor');
  if (cursor !== undefined && cursor.length > MAX_CURSOR) throw wrong('cursor: is too long');
  return {
    prefix,
    kind,
    changedSince: timeParameter(given(query, 'writtenSince'), 'writtenSince'),
    attribute: attributeOf(given(query, 'attribute')),
    cursor,
    limit: Number(limit),
  };
}

function attributeOf(text: string | undefined): ListQuery['attribute'] {
  if (text === undefined) return undefined;
  const colon = text.indexOf(':');
  if (colon < 1) throw wrong('attribute: must be name:value');
  const name = text.slice(0, colon).replaceAll('%3A', ':').replaceAll('%25', '%');
  return { name, value: text.slice(colon + 1) };
}

/** The value of a parameter; an empty one counts as not given. */
function given(query: readonly Parameter[], name: string): string | undefined {
  return lastValue(query, name) || undefined;
}

function wrong(problem: string): QuiverError {
  return new QuiverError('bad-request', problem);
}
