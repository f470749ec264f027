/** A visitor's ids, as Delivery and the legacy mbox call send them, made into a visit (contract sections 3 and 7). */

import { randomFillSync } from 'node:crypto';
import {
  type IdKind,
  idProblem,
  MAX_THIRD_PARTY_ID_DELIVERY,
  parseTntId,
  type VisitorId,
} from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { Visit } from '../storage/profile-store.ts';

/** The ids that may name a visitor. Customer ids are not among them: no `customerIds` entry leads to a profile. */
export interface SentIds {
  readonly tntId?: string | null | undefined;
  readonly thirdPartyId?: string | null | undefined;
  readonly marketingCloudVisitorId?: string | null | undefined;
}

const MEMBERS: readonly { member: keyof SentIds; kind: IdKind; max?: number }[] = [
  { member: 'thirdPartyId', kind: 'thirdPartyId', max: MAX_THIRD_PARTY_ID_DELIVERY },
  { member: 'marketingCloudVisitorId', kind: 'ecid' },
  { member: 'tntId', kind: 'tntId' },
];

/**
 * Makes a visit out of the ids sent and what it sets. A visitor without any id gets a new tntId.
 *
 * @param path where the ids stand in the request, for a refusal: `id.` or nothing
 * @throws QuiverError `bad-request` that names the malformed id
 */
export function visitOf(sent: SentIds, path: 'id.' | '', settings: ReadonlyMap<string, string>): Visit {
  const ids: VisitorId[] = [];
  let hint: string | undefined;
  for (const { member, kind, max } of MEMBERS) {
    const text = sent[member];
    if (text === undefined || text === null) continue;
    const problem = idProblem(kind, text, max);
    if (problem !== undefined) throw new QuiverError('bad-request', `${path}${member}: ${problem}`);
    if (kind === 'tntId') {
      const tntId = parseTntId(text);
      ids.push(tntId.id);
      hint = tntId.hint;
    } else {
      ids.push({ kind, value: text });
    }
  }
  const freshTntId: VisitorId = { kind: 'tntId', value: newTntId() };
  return { ids: ids.length === 0 ? [freshTntId] : ids, freshTntId, settings, hint };
}

/** A new tntId: 128 random bits as 32 hex characters, without a hint. */
function newTntId(): string {
  if (randomAt === random.length) {
    randomFillSync(random);
    randomAt = 0;
  }
  randomAt += TNT_ID_BYTES;
  return random.toString('hex', randomAt - TNT_ID_BYTES, randomAt);
}

const TNT_ID_BYTES = 16;
/** Random bytes for many ids: every visit is given one, and to draw them singly costs more than to make the id. */
const random = Buffer.allocUnsafe(256 * TNT_ID_BYTES);
let randomAt = random.length;

/**
 * Checks a session id: 1 to 128 printable characters, no space, `?`, `/`, `{` or `}`.
 *
 * @param member what the request calls it, for a refusal
 * @throws QuiverError `bad-request`
 */
export function checkSessionId(
  sessionId: string | undefined,
  member = 'sessionId',
): asserts sessionId is string {
  if (sessionId === undefined || sessionId === '') {
    throw new QuiverError('bad-request', `${member}: must be given`);
  }
  if (!/^[^\s?/{}\p{C}]{1,128}$/u.test(sessionId)) {
    throw new QuiverError(
      'bad-request',
      `${member}: must have 1 to 128 printable characters, without space, ?, /, { or }`,
    );
  }
}
