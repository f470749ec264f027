/** One row of the table: two figures of the same run, their ratio, and the target. */

import { ratioOf, spread } from './load.mjs';

/**
 * A comparison of rates, round by round.
 *
 * @param target the ratio wanted, at least
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

/** A comparison where less is better; the ratio is Quiver's figure divided by the other. */
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
 * The same comparison with an absolute limit for Quiver's median, in the unit of the row, instead
 * of a limit for the ratio.
 */
export function withLimit({ atLeast: _, atMost: __, ...comparison }, limit) {
  return { ...comparison, limit };
}
