/** Converts between a profile and a line of an export (contract section 21). */

import { MAX_ATTRIBUTE_NAME } from '../domain/attribute-name.ts';
import { type Attribute, attributesListJson, packAttributes } from '../domain/attributes.ts';
import { isName, personNames } from '../domain/person-names.ts';
import type { ProfileLimits } from '../domain/profile-limits.ts';
import { atMostCharacters, idProblem, parseTntId } from '../domain/visitor-id.ts';
import { badRequest } from '../errors.ts';
import type { ExportedProfile } from '../storage/profile-lists.ts';
import type { LinkedId, LinkedProfile } from '../storage/profile-store.ts';
import { isJsonObject } from '../wire/json.ts';
import { KIND_NAMES, kindOfName } from '../wire/kind-names.ts';
import { linkedIdView } from '../wire/profile-view.ts';
import { timeText } from '../wire/time-text.ts';
import { stateMembers, stateOfLine } from './state-members.ts';

/** The version of the format; increased by a change that older programs cannot read. */
export const EXPORT_VERSION = 1;
/** Times are stored in six bytes. */
const MOST_TIME_MS = 8.64e15;
/** The longest lifetime, plus a margin because clocks differ. */
const LONGEST_LIFE_MS = 91 * 86_400_000;

/**
 * The line of a profile, without its end. The attributes are copied as they are stored, because
 * objects for each of them would be most of the memory and time of an export.
 */
export function profileLine({ profile, ids, position }: ExportedProfile): string {
  const { attributes } = profile;
  const before = JSON.stringify({
    ids: ids.map(linkedIdView),
    modifiedAt: timeText(profile.modifiedAt),
    expiresAt: timeText(profile.expiresAt),
  });
  const after = JSON.stringify({ state: stateMembers(attributes, timeText), position });
  const list = attributesListJson(attributes, 0, attributes.length);
  return `${before.slice(0, -1)},"attributes":${list},${after.slice(1)}`;
}

/**
 * The profile in a line.
 *
 * @param line the result of JSON.parse
 * @param now a profile may live for at most 91 days from then
 * @throws QuiverError `bad-request` naming the member and the rule
 */
export function profileOfLine(line: unknown, limits: ProfileLimits, now: number): LinkedProfile {
  if (!isJsonObject(line)) throw badRequest('must be an object');
  const ids = idsOf(line.ids, limits);
  const attributes = attributesOf(line.attributes);
  const packed = packAttributes(attributes, stateOfLine(line.state, { timeOf, wrong: badRequest }));
  if (packed.length > limits.mergedBytes)
    throw badRequest(`attributes: may take ${limits.mergedBytes} bytes in all`);
  const expiresAt = timeOf(line.expiresAt, 'expiresAt');
  if (expiresAt > now + LONGEST_LIFE_MS) throw badRequest('expiresAt: must be within 91 days');
  return {
    ids,
    profile: {
      thirdPartyId: ids.find(({ kind }) => kind === 'thirdPartyId')?.value,
      modifiedAt: timeOf(line.modifiedAt, 'modifiedAt'),
      expiresAt,
      attributes: packed,
    },
  };
}

function idsOf(value: unknown, limits: ProfileLimits): LinkedId[] {
  if (!Array.isArray(value) || value.length === 0) throw badRequest('ids: must be a list of at least one id');
  if (value.length > limits.ids) throw badRequest(`ids: may be ${limits.ids} at most`);
  const ids = value.map((one: unknown, at): LinkedId => {
    if (!isJsonObject(one)) throw badRequest(`ids[${at}]: must be an object`);
    const kind = kindOfName(one.kind);
    if (!kind) throw badRequest(`ids[${at}].kind: must be ${KIND_NAMES.join(' or ')}`);
    const problem = typeof one.id === 'string' ? idProblem(kind, one.id) : 'must be a string';
    if (problem !== undefined) throw badRequest(`ids[${at}].id: ${problem}`);
    const text = one.id as string;
    const since = timeOf(one.since, `ids[${at}].since`);
    return { kind, value: kind === 'tntId' ? parseTntId(text).id.value : text, since };
  });
  if (new Set(ids.map(({ kind, value }) => `${kind} ${value}`)).size < ids.length) {
    throw badRequest('ids: must not name an id twice');
  }
  if (ids.filter(isName).length > personNames(ids).size) {
    throw badRequest('ids: may have one thirdPartyId and one customer id an alias');
  }
  return ids;
}

function attributesOf(value: unknown): Attribute[] {
  if (!Array.isArray(value)) throw badRequest('attributes: must be a list');
  const names = new Set<string>();
  let latest = 0;
  return value.map((one: unknown, at) => {
    const where = `attributes[${at}]`;
    if (!isJsonObject(one)) throw badRequest(`${where}: must be an object`);
    const { name } = one;
    if (typeof name !== 'string' || name === '' || !name.isWellFormed()) {
      throw badRequest(`${where}.name: must be a well-formed string that is not empty`);
    }
    if (!atMostCharacters(name, MAX_ATTRIBUTE_NAME)) {
      throw badRequest(`${where}.name: must have at most ${MAX_ATTRIBUTE_NAME} characters`);
    }
    if (names.has(name)) throw badRequest(`${where}.name: is there twice`);
    names.add(name);
    const text = one.value;
    if (typeof text !== 'string' || !text.isWellFormed()) {
      throw badRequest(`${where}.value: must be a well-formed string`);
    }
    const modifiedAt = timeOf(one.modifiedAt, `${where}.modifiedAt`);
    if (modifiedAt < latest)
      throw badRequest(`${where}.modifiedAt: must not be before that of the one before`);
    latest = modifiedAt;
    return { name, value: text, modifiedAt };
  });
}

function timeOf(value: unknown, member: string): number {
  const time = typeof value === 'string' && ISO.test(value) ? Date.parse(value) : Number.NaN;
  if (!(time >= 0 && time <= MOST_TIME_MS)) {
    throw badRequest(
      `${member}: must be an ISO 8601 time with milliseconds, such as 2026-08-18T17:53:39.003Z`,
    );
  }
  return time;
}
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|\+00:00)$/;
