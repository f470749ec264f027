/**
 * Finds where a text stops being valid JSON. The runtimes word their errors differently, and give
 * the position only sometimes.
 */

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const OTHER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const MAX_DEPTH = 100;

/** The index of the first invalid character; the length of the text when it ends too early. */
export function placeOfJsonError(text: string): number {
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const isThere = pattern.test(text);
    if (isThere) at = pattern.lastIndex;
    return isThere;
  };
  const mark = (character: string): boolean => {
    take(SPACE);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const entries = (end: string, entry: () => boolean): boolean => {
    if (mark(end)) return true;
    do {
      if (!entry()) return false;
    } while (mark(','));
    return mark(end);
  };
  const value = (depth: number): boolean => {
    if (depth > MAX_DEPTH) return false;
    const inner = () => value(depth + 1);
    const member = () => {
      take(SPACE);
      return take(STRING) && mark(':') && inner();
    };
    if (mark('{')) return entries('}', member);
    if (mark('[')) return entries(']', inner);
    return take(STRING) || take(OTHER);
  };
  value(0);
  take(SPACE);
  return at;
}
