/**
 * Reads a single update from its parameters: which profile it addresses and what it sets (contract
 * section 5).
 */

import type { AttributeSettings } from '../domain/attributes.ts';
import { idProblem, type SentId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { attributesOf } from '../wire/attribute-parameters.ts';
import { type JsonObject, scalarProblem } from '../wire/json.ts';
import { lastValue, type Parameter, ATTRIBUTE_PREFIX as PREFIX } from '../wire/parameters.ts';

export interface ProfileUpdate {
  readonly id: SentId;
  /** Empty when all values were empty. */
  readonly settings: AttributeSettings;
}

/**
 * Parameters that address a profile, strongest first: when both are given, thirdPartyId names the
 * profile, and nothing is linked.
 */
const ID_PARAMETERS = [
  { name: 'mbox3rdPartyId', kind: 'thirdPartyId' },
  { name: 'mboxPC', kind: 'tntId' },
] as const;

/**
 * Reads an update from its parameters: those of the query first, then those of the body, so that
 * the body wins.
 *
 * An empty id counts as not given. A profile attribute with an empty value is accepted but sets
 * nothing, so an update that has only empty values is valid and changes nothing.
 *
 * @throws QuiverError `bad-request` when there is no id or no profile attribute, when an id is
 *   malformed, or when a name is empty, too long, or starts with `user.`
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
  const { settings, count } = attributesOf(parameters);
  if (count > 0) return settings;
  throw new QuiverError('bad-request', 'profile.<name>: at least one profile attribute must be given');
}

/**
 * The parameters of a flat JSON body. Numbers and booleans count as the text they print as. Members
 * that are not parameters of an update may have any value.
 *
 * @throws QuiverError `bad-request` when an id or an attribute is null, a list or an object
 */
export function jsonParameters(body: JsonObject): Parameter[] {
  const parameters: Parameter[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (!name.startsWith(PREFIX) && !ID_PARAMETERS.some((parameter) => parameter.name === name)) continue;
    const problem = scalarProblem(value);
    if (problem !== undefined) throw new QuiverError('bad-request', `${name.toWellFormed()}: ${problem}`);
    parameters.push([name, String(value)]);
  }
  return parameters;
}
