/**
 * Makes a visit from a visitor's ids, as Delivery and the legacy mbox call send them (contract
 * sections 3 and 7).
 */

import { randomFillSync } from 'node:crypto';
import {
  aliasProblem,
  customerId,
  type IdKind,
  idProblem,
  parseTntId,
  type VisitorId,
} from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { Visit } from '../storage/profile-store.ts';

/** The ids that may name a visitor. */
export interface SentIds {
  readonly tntId?: string | null | undefined;
  readonly thirdPartyId?: string | null | undefined;
  readonly marketingCloudVisitorId?: string | null | undefined;
  readonly customerIds?: readonly SentCustomerId[] | null | undefined;
}

/** An entry of `customerIds`; it counts only when it is authenticated. */
export interface SentCustomerId {
  readonly id: string;
  /** The alias. */
  readonly integrationCode?: string | null | undefined;
  readonly authenticatedState?: string | null | undefined;
}

const MEMBERS: readonly { member: Exclude<keyof SentIds, 'customerIds'>; kind: IdKind }[] = [
  { member: 'thirdPartyId', kind: 'thirdPartyId' },
  { member: 'marketingCloudVisitorId', kind: 'ecid' },
  { member: 'tntId', kind: 'tntId' },
];

/** An mbox call's name for an id of a kind. */
export function memberName(kind: IdKind): string {
  return MEMBERS.find((member) => member.kind === kind)?.member ?? 'customerIds';
}

/** The name of an id of a kind in a request that has its ids in `id`. */
export function memberOfId(kind: IdKind): string {
  return `id.${memberName(kind)}`;
}

/**
 * Makes a visit from the ids and attributes that were sent. A visitor without any id gets a new
 * tntId.
 *
 * @param path where the ids are in the request, for a refusal: `id.` or empty
 * @param facts makes the other facts of the request
 * @param aliases whose customer ids count; null for all
 * @throws QuiverError `bad-request` that names the malformed id
 */
export function visitOf(
  sent: SentIds,
  path: 'id.' | '',
  settings: ReadonlyMap<string, string>,
  facts: Visit['facts'],
  aliases: readonly string[] | null = null,
): Visit {
  const ids: VisitorId[] = [];
  let hint: string | undefined;
  const customer = customerIn(sent.customerIds, path, aliases);
  if (customer) ids.push(customer);
  for (const { member, kind } of MEMBERS) {
    const text = sent[member];
    if (text === undefined || text === null) continue;
    const problem = idProblem(kind, text);
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
  return { ids: ids.length === 0 ? [freshTntId] : ids, freshTntId, settings, hint, facts };
}

/**
 * The customer id that counts: the first that is authenticated and has a known alias (contract
 * section 3).
 *
 * @throws QuiverError `bad-request` when it is malformed; the others are not checked
 */
function customerIn(
  sent: SentIds['customerIds'],
  path: string,
  aliases: readonly string[] | null,
): VisitorId | undefined {
  for (const [index, { id, integrationCode: alias, authenticatedState }] of (sent ?? []).entries()) {
    if (authenticatedState !== 'authenticated' || !alias) continue;
    if (aliases !== null && !aliases.includes(alias)) continue;
    const customer = customerId({ alias, id });
    const ofAlias = aliasProblem(alias);
    const problem = ofAlias ?? idProblem('customerId', customer.value);
    if (problem === undefined) return customer;
    const member = ofAlias === undefined ? 'id' : 'integrationCode';
    throw new QuiverError('bad-request', `${path}customerIds[${index}].${member}: ${problem}`);
  }
  return undefined;
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
/**
 * Random bytes for many ids. Every visit gets a new id, and drawing the bytes of each id singly
 * costs more than making the id.
 */
const random = Buffer.allocUnsafe(256 * TNT_ID_BYTES);
let randomAt = random.length;

/**
 * Checks a session id: 1 to 128 printable characters, no space, `?`, `/`, `{` or `}`.
 *
 * @param member the request's name for it, for a refusal
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
