/**
 * Parameters of a query or a form (`application/x-www-form-urlencoded`), read strictly.
 *
 * URLSearchParams keeps a bad escape as text and turns bad UTF-8 into U+FFFD. Here both are
 * refused, because what is stored must be what was meant. There is one exception: a public
 * connector sends attribute values unencoded, so in a `profile.…` value a `%` that starts no escape
 * stands for itself. `+` is a space, the order is kept, and a name given twice appears twice
 * (contract section 5).
 */

import { badRequest, type QuiverError } from '../errors.ts';

/**
 * Stands for a value that could not be decoded; the request is refused only if a handler reads that
 * value.
 */
export const UNREADABLE = Symbol('unreadable');

/** One name with its value, both decoded. */
export type Parameter = readonly [name: string, value: string | typeof UNREADABLE];

/** The prefix of parameters that set attributes. */
export const ATTRIBUTE_PREFIX = 'profile.';

/**
 * Reads a query (without its question mark) or a form body.
 *
 * Parameters that no route reads may contain anything; pages send their own address unencoded. So a
 * value with a bad escape is refused only where it is read, and a name with one is dropped unless
 * it would set an attribute.
 *
 * @throws QuiverError `bad-request` when the name of an attribute has a bad escape
 */
export function readParameters(text: string): Parameter[] {
  const parameters: Parameter[] = [];
  for (let start = 0; start < text.length; ) {
    const ampersand = text.indexOf('&', start);
    const end = ampersand === -1 ? text.length : ampersand;
    const piece = text.slice(start, end);
    start = end + 1;
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const sentName = equals === -1 ? piece : piece.slice(0, equals);
    const name = decode(sentName);
    if (name === UNREADABLE) {
      if (sentName.startsWith(ATTRIBUTE_PREFIX)) throw unreadable(sentName);
      continue;
    }
    const value = equals === -1 ? '' : piece.slice(equals + 1);
    parameters.push([name, decode(name.startsWith(ATTRIBUTE_PREFIX) ? withBarePercents(value) : value)]);
  }
  return parameters;
}

/**
 * The value of a name, the last one when it was given more than once; undefined when it was not
 * given.
 *
 * @throws QuiverError `bad-request` when the value has a bad escape or does not make UTF-8
 */
export function lastValue(parameters: readonly Parameter[], name: string): string | undefined {
  for (let index = parameters.length - 1; index >= 0; index -= 1) {
    if (parameters[index]![0] === name) return readableValue(parameters[index]!);
  }
  return undefined;
}

/**
 * The value of a parameter. @throws QuiverError `bad-request` when it has a bad escape or does not
 * make UTF-8
 */
export function readableValue([name, value]: Parameter): string {
  if (value === UNREADABLE) throw unreadable(name);
  return value;
}

/** As {@link lastValue}; an empty value counts as not given. */
export function givenValue(parameters: readonly Parameter[], name: string): string | undefined {
  return lastValue(parameters, name) || undefined;
}

/**
 * A parameter that must be a whole number; undefined when it is not given.
 *
 * @throws QuiverError `bad-request`
 */
export function wholeNumber(
  text: string | undefined,
  name: string,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw badRequest(`${name}: must be a whole number from ${min} to ${max}`);
}

function unreadable(name: string): QuiverError {
  return badRequest(`${name}: must be percent-encoded UTF-8`);
}

/** Escapes each `%` that starts no escape. */
function withBarePercents(text: string): string {
  return text.includes('%') ? text.replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25') : text;
}

function decode(text: string): string | typeof UNREADABLE {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return UNREADABLE;
  }
}
