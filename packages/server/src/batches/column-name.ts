/**
 * Valid column names of a batch (contract section 6).
 *
 * Imports nothing that needs Node, because the console's file checker uses it too.
 */

import { bareNameProblem, SCRIPT_NAME_PROBLEM } from '../domain/attribute-name.ts';

/** The kind of ids in the first column of a batch. */
export type BatchKey = 'pcId' | 'thirdPartyId';

/** Whether the first column may have that name. */
export function isBatchKey(name: string): name is BatchKey {
  return name === 'pcId' || name === 'thirdPartyId';
}

/** In any case, because a typing error must not store ids as attributes. */
const SECOND_IDS = ['pcid', 'thirdpartyid'];

/**
 * Says what is wrong with the name of a column after the first. A name that belongs to profile
 * scripts is accepted here, because only its values are refused, row by row.
 *
 * @param key the kind of ids in the first column
 * @returns a phrase that completes "the name … "; undefined when the name is valid
 */
export function columnProblem(name: string, key: BatchKey): string | undefined {
  if (name === key) return 'is given twice';
  if (SECOND_IDS.includes(name.toLowerCase())) {
    return `is a second kind of id; the rows name their profiles by ${key} alone`;
  }
  const problem = bareNameProblem(name);
  return problem === SCRIPT_NAME_PROBLEM ? undefined : problem;
}
