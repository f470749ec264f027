/** `profileParameters`: the attributes that a visit sets (spec section 7). */

import { MAX_ATTRIBUTE_NAME } from '../domain/attributes.ts';
import { atMostCharacters } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { isJsonObject } from '../wire/json.ts';
import {
  type DeliveryRequest,
  MAX_PROFILE_PARAMETER_VALUE,
  MAX_PROFILE_PARAMETERS,
} from './delivery-schema.ts';

/** A part of a request that may bear profile parameters, and its path for a refusal. */
interface Part {
  readonly path: string;
  readonly profileParameters?: unknown;
}

/**
 * All that a Delivery request sets, in the order of spec section 7, which is the order in which later values win:
 * `execute.pageLoad`, `execute.mboxes`, `prefetch.mboxes`, `prefetch.views`, `prefetch.pageLoad`, `notifications`.
 *
 * @throws QuiverError `bad-request` that names the part and the rule
 */
export function profileParametersOf(request: DeliveryRequest): Map<string, string> {
  const settings = new Map<string, string>();
  for (const part of partsOf(request)) addProfileParameters(settings, part.profileParameters, part.path);
  return settings;
}

function* partsOf({ execute, prefetch, notifications }: DeliveryRequest): Generator<Part> {
  if (execute?.pageLoad) yield { path: 'execute.pageLoad', ...parameters(execute.pageLoad) };
  yield* listed('execute.mboxes', execute?.mboxes);
  yield* listed('prefetch.mboxes', prefetch?.mboxes);
  yield* listed('prefetch.views', prefetch?.views);
  if (prefetch?.pageLoad) yield { path: 'prefetch.pageLoad', ...parameters(prefetch.pageLoad) };
  yield* listed('notifications', notifications);
}

type Bearer = { readonly profileParameters?: unknown };

function* listed(path: string, bearers: readonly Bearer[] | null | undefined): Generator<Part> {
  for (const [index, bearer] of (bearers ?? []).entries()) {
    yield { path: `${path}[${index}]`, ...parameters(bearer) };
  }
}

function parameters({ profileParameters }: Bearer) {
  return { profileParameters };
}

/**
 * Adds the profile parameters of one part; a name that is there already takes the new value and the later place.
 *
 * @param sent what the member holds; undefined and null are none
 * @param path the part's path, for a refusal; empty at the top
 * @throws QuiverError `bad-request` when it is no object, has more than 50 members, or breaks a rule on names or values
 */
export function addProfileParameters(settings: Map<string, string>, sent: unknown, path: string): void {
  if (sent === undefined || sent === null) return;
  const member = path === '' ? 'profileParameters' : `${path}.profileParameters`;
  const refuse = (problem: string) => new QuiverError('bad-request', `${member}: ${problem}`);
  if (!isJsonObject(sent)) throw refuse('must be an object');
  const entries = Object.entries(sent);
  if (entries.length > MAX_PROFILE_PARAMETERS)
    throw refuse(`must have at most ${MAX_PROFILE_PARAMETERS} members`);
  for (const [name, value] of entries) {
    const problem = nameProblem(name);
    if (problem !== undefined) throw refuse(problem);
    const quoted = JSON.stringify(name);
    if (typeof value !== 'string') throw refuse(`the value of ${quoted} must be a string`);
    if (!atMostCharacters(value, MAX_PROFILE_PARAMETER_VALUE)) {
      throw refuse(`the value of ${quoted} must have at most ${MAX_PROFILE_PARAMETER_VALUE} characters`);
    }
    if (!value.isWellFormed()) throw refuse(`the value of ${quoted} must be well-formed Unicode`);
    settings.delete(name);
    settings.set(name, value);
  }
}

function nameProblem(name: string): string | undefined {
  if (name === '' || !atMostCharacters(name, MAX_ATTRIBUTE_NAME)) {
    return `names must have 1 to ${MAX_ATTRIBUTE_NAME} characters`;
  }
  if (name.startsWith('profile.')) return `the name ${JSON.stringify(name)} must not start with "profile."`;
  return name.isWellFormed() ? undefined : 'names must be well-formed Unicode';
}
