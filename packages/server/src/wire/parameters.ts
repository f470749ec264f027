/**
 * Parameters of a query or a form (`application/x-www-form-urlencoded`), read strictly.
 *
 * URLSearchParams keeps a bad escape as text and turns bad UTF-8 into U+FFFD; here both are refused,
 * because what is stored must be what was meant. There is one exception: a public connector sends
 * values of attributes unencoded, so in a `profile.…` value a `%` that starts no escape is itself.
 * `+` is a space, order is kept, a name given twice stands there twice (contract section 5).
 */

import { QuiverError } from '../errors.ts';

/** One name with its value, both decoded. */
export type Parameter = readonly [name: string, value: string];

/**
 * Reads a query (without its question mark) or a form body.
 *
 * @param where `query` or `body`, to name it in the refusal of a name that cannot be read
 * @throws QuiverError `bad-request` when an escape is bad or does not make UTF-8
 */
export function readParameters(text: string, where: 'query' | 'body'): Parameter[] {
  const parameters: Parameter[] = [];
  for (let start = 0; start < text.length; ) {
    const ampersand = text.indexOf('&', start);
    const end = ampersand === -1 ? text.length : ampersand;
    const piece = text.slice(start, end);
    start = end + 1;
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = decode(equals === -1 ? piece : piece.slice(0, equals), where);
    const value = equals === -1 ? '' : piece.slice(equals + 1);
    parameters.push([name, decode(isAttribute(name) ? withBarePercents(value) : value, name)]);
  }
  return parameters;
}

/** The value of a name, the last one when it was given more than once; undefined when it was not given. */
export function lastValue(parameters: readonly Parameter[], name: string): string | undefined {
  for (let index = parameters.length - 1; index >= 0; index -= 1) {
    if (parameters[index]![0] === name) return parameters[index]![1];
  }
  return undefined;
}

/** What the names of parameters that set attributes start with. */
export const ATTRIBUTE_PREFIX = 'profile.';

function isAttribute(name: string): boolean {
  return name.startsWith(ATTRIBUTE_PREFIX);
}

/** Escapes each `%` that starts no escape. */
function withBarePercents(text: string): string {
  return text.includes('%') ? text.replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25') : text;
}

function decode(text: string, member: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new QuiverError('bad-request', `${member}: must be percent-encoded UTF-8`);
  }
}
