/** Suggests what an unknown word may have meant. */

import { distance } from 'fastest-levenshtein';

const MOST_DIFFERENCES = 2;

/**
 * ` (Did you mean powershell?)` when one of the words is close, else a list of all words:
 * `: it must be bash, zsh or fish`.
 */
export function suggestion(word: string, words: readonly string[]): string {
  const close = words
    .map((known) => ({ known, differences: distance(word.slice(0, 64), known) }))
    .filter(({ differences }) => differences <= MOST_DIFFERENCES)
    .sort((one, other) => one.differences - other.differences)[0];
  if (close) return ` (Did you mean ${close.known}?)`;
  return `: it must be ${words.slice(0, -1).join(', ')}${words.length > 1 ? ' or ' : ''}${words.at(-1)}`;
}
