/** The rules of profile scripts (contract section 16): names, values, limits. */

import type { ScriptScalar, ScriptValue } from './script-input.ts';
import { atMostCharacters } from './visitor-id.ts';

/** The prefix of a script's attribute: script `tier` sets `user.tier`. */
export const SCRIPT_PREFIX = 'user.';
export const MAX_SCRIPT_NAME = 50;
/** The most characters of a script's code (ours; Adobe recommends 1,300). */
export const MAX_SCRIPT_CODE = 10_000;
export const MAX_ACTIVE_SCRIPTS = 300;
export const MAX_SCRIPTS = 2000;
/** The most characters of a value; for a list, of all its values together. */
export const MAX_SCRIPT_VALUE = 2048;
/** The most jumps and calls in one run of a script. */
export const MAX_INSTRUCTIONS = 2000;
/**
 * What a script may store with `user.setLocal`: number of names, and characters of all values
 * together (ours).
 */
export const MAX_LOCALS = 20;
export const MAX_LOCALS_SIZE = 2048;

/** Members of `user` that Quiver itself provides. */
const BUILT_INS: ReadonlySet<string> = new Set([
  'activeActivities',
  'pcId',
  'sessionId',
  'categoryAffinity',
  'categoryAffinities',
  'isFirstSession',
  'isNewSession',
  'daysSinceLastVisit',
  'browser',
  'browserType',
  'header',
  'get',
  'setLocal',
  'getLocal',
]);

/** What is wrong with the name of a script; undefined when it is valid. */
export function scriptNameProblem(name: string): string | undefined {
  if (name === '' || !atMostCharacters(name, MAX_SCRIPT_NAME)) {
    return `must have 1 to ${MAX_SCRIPT_NAME} characters`;
  }
  if (!/^[A-Za-z0-9_-]+$/.test(name)) return 'must have letters, digits, "_" and "-" only';
  if (BUILT_INS.has(name)) return 'is the name of a built-in member of user';
  return undefined;
}

/**
 * A value as it appears in the script's attribute: numbers as doubles (`44.0`), lists as
 * `[a, b, c]` (contract section 16).
 */
export function scriptValueText(value: ScriptValue): string {
  return typeof value === 'object' ? `[${value.map(scalarText).join(', ')}]` : scalarText(value);
}

function scalarText(value: ScriptScalar): string {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e21
    ? `${value}.0`
    : String(value);
}
