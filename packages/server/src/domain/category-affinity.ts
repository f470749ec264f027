/** Category affinity (contract section 15): the categories that a visitor views most. */

/** The most characters of one `user.categoryId`. */
export const MAX_CATEGORY_VALUE = 256;

const MAX_CATEGORIES = 5;
const FIRST_EVER = 10;
const EACH_TIME = 5;
const NEWCOMER_TAKES = 1;

export interface ScoredCategory {
  readonly name: string;
  /** Not rounded; may be below 0. */
  readonly score: number;
}

/** At most five categories, highest score first; of equal scores, the latest first. */
export type CategoryAffinity = readonly ScoredCategory[];

/**
 * The categories in a `user.categoryId`, in order. If it is too long, those that are completely
 * within the first {@link MAX_CATEGORY_VALUE} characters.
 */
export function categoriesOf(value: string): string[] {
  return bounded(value)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function bounded(value: string): string {
  if (value.length <= MAX_CATEGORY_VALUE) return value;
  const characters = [...value];
  if (characters.length <= MAX_CATEGORY_VALUE) return value;
  const kept = characters.slice(0, MAX_CATEGORY_VALUE).join('');
  return characters[MAX_CATEGORY_VALUE] === ',' ? kept : kept.slice(0, Math.max(0, kept.lastIndexOf(',')));
}

/** The scores after one more category. */
export function withCategory(affinity: CategoryAffinity, name: string): CategoryAffinity {
  if (affinity.length === 0) return [{ name, score: FIRST_EVER }];
  const known = affinity.find((category) => category.name === name);
  if (known) {
    const others = affinity.filter((category) => category !== known);
    return ranked([{ name, score: known.score + EACH_TIME }, ...others]);
  }
  const others = affinity.map((category) => ({ ...category, score: category.score - NEWCOMER_TAKES }));
  // The lowest one is removed, but never the new one.
  return ranked([{ name, score: EACH_TIME }, ...others.slice(0, MAX_CATEGORIES - 1)]);
}

/** The scores after the end of a session. */
export function halved(affinity: CategoryAffinity): CategoryAffinity {
  return affinity.map(({ name, score }) => ({ name, score: score / 2 }));
}

/**
 * The joined scores of two visitors who turned out to be one, independent of the order of the
 * arguments. Categories with equal scores are ordered by name, because it is unknown which was
 * later. Equal scores in equal order stay as they are, so that joining twice changes nothing.
 */
export function joinedAffinity(one: CategoryAffinity, other: CategoryAffinity): CategoryAffinity {
  if (packAffinity(one) === packAffinity(other)) return one;
  const scores = new Map<string, number>();
  for (const { name, score } of [...one, ...other]) {
    scores.set(name, Math.max(score, scores.get(name) ?? Number.NEGATIVE_INFINITY));
  }
  return [...scores]
    .map(([name, score]) => ({ name, score }))
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_CATEGORIES);
}

/** Highest first; equal scores keep their order. */
function ranked(categories: readonly ScoredCategory[]): CategoryAffinity {
  return [...categories].sort((one, other) => other.score - one.score);
}

/** The stored text of the scores; no category contains a comma. */
export function packAffinity(affinity: CategoryAffinity): string {
  return affinity.map(({ name, score }) => `${score} ${name}`).join(',');
}

/**
 * Parses a text of {@link packAffinity}; an empty text means no category.
 * @throws RangeError for anything else
 */
export function unpackAffinity(text: string): CategoryAffinity {
  if (text === '') return [];
  return text.split(',').map((part) => {
    const space = part.indexOf(' ');
    const score = Number(part.slice(0, space));
    if (space < 1 || !Number.isFinite(score))
      throw new RangeError('what is kept of categories cannot be read');
    return { name: part.slice(space + 1), score };
  });
}
