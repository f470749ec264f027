/** What a single update says: whom it is for and what it sets, out of its parameters (contract section 5). */

import { type AttributeSettings, MAX_ATTRIBUTE_NAME } from '../domain/attributes.ts';
import { atMostCharacters, idProblem } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { JsonObject } from '../wire/json.ts';
import { lastValue, type Parameter } from '../wire/parameters.ts';
import type { SentId } from './profile-service.ts';

export interface ProfileUpdate {
  readonly id: SentId;
  /** May be empty: all values were. */
  readonly settings: AttributeSettings;
}

/** Parameters that address a profile, strongest first: with both given the thirdPartyId names the profile, and nothing is linked. */
const ID_PARAMETERS = [
  { name: 'mbox3rdPartyId', kind: 'thirdPartyId' },
  { name: 'mboxPC', kind: 'tntId' },
] as const;

const PREFIX = 'profile.';
/** These belong to profile scripts. */
const SCRIPT_PREFIX = 'user.';

/**
 * Reads an update out of its parameters, those of the query first, then those of the body, so that the body wins.
 *
 * An empty id counts as not given. Empty values are left out, but they are profile attributes all the same: an update with nothing
 * but empty values is a good one that changes nothing.
 *
 * @throws QuiverError `bad-request` when there is no id or no profile attribute, when an id is malformed, or a name is empty, too
 *   long, or starts with `user.`
 */
export function profileUpdateOf(parameters: readonly Parameter[]): ProfileUpdate {
  return { id: idOf(parameters), settings: settingsOf(parameters) };
}

function idOf(parameters: readonly Parameter[]): SentId {
  const sent: SentId[] = [];
  for (const { name, kind } of ID_PARAMETERS) {
    const text = lastValue(parameters, name);
    if (text === undefined || text === '') continue;
    const problem = idProblem(kind, text);
    if (problem !== undefined) throw new QuiverError('bad-request', `${name}: ${problem}`);
    sent.push({ kind, text });
  }
  const strongest = sent[0];
  if (!strongest) throw new QuiverError('bad-request', 'mboxPC or mbox3rdPartyId: must be given');
  return strongest;
}

function settingsOf(parameters: readonly Parameter[]): AttributeSettings {
  const settings = new Map<string, string>();
  for (const [parameter, value] of parameters) {
    if (!parameter.startsWith(PREFIX)) continue;
    const name = parameter.slice(PREFIX.length);
    const problem = nameProblem(name) ?? (value.isWellFormed() ? undefined : 'must be well-formed Unicode');
    if (problem !== undefined)
      throw new QuiverError('bad-request', `${parameter.toWellFormed()}: ${problem}`);
    // The last one wins, and stands where it was given.
    settings.delete(name);
    settings.set(name, value);
  }
  if (settings.size === 0) {
    throw new QuiverError('bad-request', 'profile.<name>: at least one profile attribute must be given');
  }
  for (const [name, value] of settings) if (value === '') settings.delete(name);
  return settings;
}

function nameProblem(name: string): string | undefined {
  if (name === '' || !atMostCharacters(name, MAX_ATTRIBUTE_NAME)) {
    return `the name must have 1 to ${MAX_ATTRIBUTE_NAME} characters after "${PREFIX}"`;
  }
  if (name.startsWith(SCRIPT_PREFIX))
    return `names that start with "${SCRIPT_PREFIX}" belong to profile scripts`;
  return name.isWellFormed() ? undefined : 'the name must be well-formed Unicode';
}

/**
 * The parameters of a flat JSON body. Numbers and booleans count as the text they print as; a number that JSON readers do not keep
 * exactly is refused. What is not a parameter of an update may be anything.
 *
 * @throws QuiverError `bad-request` when an id or an attribute is null, a list or an object
 */
export function jsonParameters(body: JsonObject): Parameter[] {
  const parameters: Parameter[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (!name.startsWith(PREFIX) && !ID_PARAMETERS.some((parameter) => parameter.name === name)) continue;
    parameters.push([name, scalarText(name, value)]);
  }
  return parameters;
}

function scalarText(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (Number.isFinite(value) && (Math.abs(value) <= Number.MAX_SAFE_INTEGER || !Number.isInteger(value))) {
      return String(value);
    }
    throw new QuiverError(
      'bad-request',
      `${name.toWellFormed()}: must be sent as a string to be kept exactly`,
    );
  }
  throw new QuiverError('bad-request', `${name.toWellFormed()}: must be a string`);
}
