/**
 * Reads the JSON of a request, keeping every name exactly as it was sent.
 *
 * `JSON.parse` makes `__proto__` an ordinary own property; it stays one as long as objects are
 * walked with `Object.entries` and never copied name by name. Names that look like array indexes
 * (`1`, `42`) come first and in ascending order. That is how JavaScript orders properties; the
 * order in the text is lost.
 */

import { QuiverError } from '../errors.ts';
import { textOf } from './body.ts';

/** The most levels to which objects and lists may be nested. */
const MAX_JSON_DEPTH = 32;

/** A JSON object whose values have not been checked yet. */
export type JsonObject = { readonly [name: string]: unknown };

/**
 * Reads a body that must be one JSON object.
 *
 * @throws QuiverError `bad-request` when it is not UTF-8, not JSON, deeper than
 *   {@link MAX_JSON_DEPTH}, or not an object
 */
export function readJsonObject(body: Uint8Array): JsonObject {
  const text = textOf(body);
  if (isTooDeep(text)) {
    throw new QuiverError('bad-request', `body: must not be nested deeper than ${MAX_JSON_DEPTH} levels`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new QuiverError('bad-request', 'body: must be valid JSON');
  }
  if (!isJsonObject(value)) throw new QuiverError('bad-request', 'body: must be a JSON object');
  return value;
}

/** Whether a parsed value is an object, not a list and not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Says why a JSON value cannot be stored as text. Strings are stored as they are; numbers and
 * booleans as `String` prints them, which is how JSON writes them (contract sections 5 and 7).
 *
 * @returns a phrase that completes "profile.age: …"; undefined when the value can be stored
 */
export function scalarProblem(value: unknown): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'must be well-formed Unicode';
  if (typeof value === 'boolean') return undefined;
  if (typeof value !== 'number') return 'must be a string, a number, true or false';
  // By now JSON.parse has rounded 9007199254740993 and turned 1e999 into Infinity.
  const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? undefined : 'must be sent as a string to be kept exactly';
}

/**
 * Counts brackets outside strings before anything is parsed, because deep nesting would overflow
 * the parser's stack.
 */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (inString) {
      if (char === 0x5c) at += 1;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) {
      inString = true;
    } else if (char === 0x7b || char === 0x5b) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) return true;
    } else if (char === 0x7d || char === 0x5d) {
      depth -= 1;
    }
  }
  return false;
}
