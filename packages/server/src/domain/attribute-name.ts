/**
 * The rules for attribute names (contract section 5), for every channel that sets attributes.
 *
 * Imports nothing that needs Node, so that a page can use it too.
 */

import { atMostCharacters } from './visitor-id.ts';

/** The most characters of an attribute's name. */
export const MAX_ATTRIBUTE_NAME = 128;

/**
 * The prefix of attributes computed by profile scripts. A client that could set such a name could
 * forge one.
 */
const SCRIPT_PREFIX = 'user.';
/** The prefix of each name in a single update. */
const PARAMETER_PREFIX = 'profile.';

/**
 * Says what is wrong with the name of an attribute that a client sets.
 *
 * @param name without the `profile.` of a single update
 * @returns a phrase that completes "the name … ", for instance `must have 1 to 128 characters`;
 *   undefined when the name is valid
 */
export function attributeNameProblem(name: string): string | undefined {
  if (name === '' || !atMostCharacters(name, MAX_ATTRIBUTE_NAME)) {
    return `must have 1 to ${MAX_ATTRIBUTE_NAME} characters`;
  }
  if (isScriptName(name)) return SCRIPT_NAME_PROBLEM;
  return name.isWellFormed() ? undefined : 'must be well-formed Unicode';
}

/**
 * {@link attributeNameProblem} for channels where names are sent without `profile.` (Delivery,
 * batch). There the prefix is a mistake, because it would become part of the stored name.
 */
export function bareNameProblem(name: string): string | undefined {
  if (name.startsWith(PARAMETER_PREFIX)) return `must not start with "${PARAMETER_PREFIX}"`;
  return attributeNameProblem(name);
}

/** Whether the name belongs to profile scripts, so that no client may set it. */
export function isScriptName(name: string): boolean {
  return name.startsWith(SCRIPT_PREFIX);
}

/** Completes "the name … " for a name for which {@link isScriptName} holds. */
export const SCRIPT_NAME_PROBLEM = `must not start with "${SCRIPT_PREFIX}", which belongs to profile scripts`;
