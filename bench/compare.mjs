/** One line of the table: two figures of the same run, their ratio, and what is wanted. */

import { ratioOf, spread } from './load.mjs';

/**
 * One comparison of rates, round by round.
 *
 * @param target `[figure, text]`: the ratio wanted, at least
 */
export function compareRates(what, results, against, target) {
  const pick = (name, member) => results.get(name).map((round) => round[member]);
  return {
    what,
    against,
    unit: 'requests/s',
    quiver: spread(pick('Quiver', 'rate')),
    other: spread(pick(against, 'rate')),
    ratio: ratioOf(pick('Quiver', 'rate'), pick(against, 'rate')),
    processorRatio: ratioOf(pick(against, 'micros'), pick('Quiver', 'micros')),
    p99: { quiver: spread(pick('Quiver', 'p99')).median, other: spread(pick(against, 'p99')).median },
    p999: { quiver: spread(pick('Quiver', 'p999')).median, other: spread(pick(against, 'p999')).median },
    rounds: results.get('Quiver').length,
    atLeast: target,
  };
}

/** A comparison where less is better; the ratio is ours to theirs. */
export function compareLess(what, unit, against, ours, theirs, atMost) {
  return {
    what,
    against,
    unit,
    quiver: spread(ours),
    other: spread(theirs),
    ratio: ratioOf(ours, theirs),
    rounds: ours.length,
    atMost,
  };
}

/**
 * The same comparison with a limit in its own unit in place of one for the ratio: Quiver's median
 * is wanted at most so large.
 */
export function withLimit({ atLeast: _, atMost: __, ...comparison }, limit) {
  return { ...comparison, limit };
}
