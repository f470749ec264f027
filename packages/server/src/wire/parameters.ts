/**
 * Parameters of a query or a form (`application/x-www-form-urlencoded`), read strictly.
 *
 * URLSearchParams keeps a bad escape as text and turns bad UTF-8 into U+FFFD; here both are refused, for what is stored must be
 * what was meant. `+` is a space, order is kept, a name given twice stands there twice (the last one wins, contract section 5).
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
    parameters.push([name, equals === -1 ? '' : decode(piece.slice(equals + 1), name)]);
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

function decode(text: string, member: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new QuiverError('bad-request', `${member}: must be percent-encoded UTF-8`);
  }
}
