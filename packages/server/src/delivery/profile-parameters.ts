/** `profileParameters`: the attributes that a visit sets (contract section 7). */

import { bareNameProblem } from '../domain/attribute-name.ts';
import { quoted } from '../domain/visible-text.ts';
import { atMostCharacters } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { isJsonObject, scalarProblem } from '../wire/json.ts';
import { type DeliveryRequest, MAX_PARAMETER_VALUE, MAX_PROFILE_PARAMETERS } from './delivery-schema.ts';

/**
 * All attributes that a Delivery request sets, in the order of contract section 7, in which later
 * values win: `execute.pageLoad`, `execute.mboxes`, `prefetch.mboxes`, `prefetch.views`,
 * `prefetch.pageLoad`, `notifications`.
 *
 * @throws QuiverError `bad-request` that names the part and the rule
 */
export function profileParametersOf(request: DeliveryRequest): Map<string, string> {
  const settings = new Map<string, string>();
  const { execute, prefetch, notifications } = request;
  addProfileParameters(settings, execute?.pageLoad?.profileParameters, 'execute.pageLoad');
  addListed(settings, execute?.mboxes, 'execute.mboxes');
  addListed(settings, prefetch?.mboxes, 'prefetch.mboxes');
  addListed(settings, prefetch?.views, 'prefetch.views');
  addProfileParameters(settings, prefetch?.pageLoad?.profileParameters, 'prefetch.pageLoad');
  addListed(settings, notifications, 'notifications');
  return settings;
}

/** A part of a request that may contain profile parameters. */
type Bearer = { readonly profileParameters?: unknown };

function addListed(
  settings: Map<string, string>,
  bearers: readonly Bearer[] | null | undefined,
  path: string,
): void {
  if (!bearers) return;
  for (const [index, { profileParameters }] of bearers.entries()) {
    addProfileParameters(settings, profileParameters, `${path}[${index}]`);
  }
}

/**
 * Adds the profile parameters of one part. A name that is already present takes the new value and
 * the later position. An empty value counts as not sent.
 *
 * @param sent the member's value; undefined and null count as not sent
 * @param path the part's path, for a refusal; empty for the top level
 * @throws QuiverError `bad-request` when it is not an object, has more than 50 members, or breaks a
 *   rule on names or values
 */
export function addProfileParameters(settings: Map<string, string>, sent: unknown, path: string): void {
  if (sent === undefined || sent === null) return;
  const member = () => (path === '' ? 'profileParameters' : `${path}.profileParameters`);
  const refuse = (problem: string) => new QuiverError('bad-request', `${member()}: ${problem}`);
  if (!isJsonObject(sent)) throw refuse('must be an object');
  const entries = Object.entries(sent);
  if (entries.length > MAX_PROFILE_PARAMETERS)
    throw refuse(`must have at most ${MAX_PROFILE_PARAMETERS} members`);
  for (const [name, value] of entries) {
    if (value === '') continue;
    const nameProblem = bareNameProblem(name);
    if (nameProblem !== undefined) throw refuse(`the name ${shown(name)} ${nameProblem}`);
    const problem = scalarProblem(value);
    if (problem !== undefined) throw refuse(`the value of ${shown(name)} ${problem}`);
    const text = String(value);
    if (!atMostCharacters(text, MAX_PARAMETER_VALUE)) {
      throw refuse(`the value of ${shown(name)} must have at most ${MAX_PARAMETER_VALUE} characters`);
    }
    settings.delete(name);
    settings.set(name, text);
  }
}

/** A name for an error message, cut if it is long. */
function shown(name: string): string {
  return quoted(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}

const MAX_SHOWN = 150;
