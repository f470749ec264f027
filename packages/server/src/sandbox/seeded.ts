/** Numbers and ids that are determined by a seed, so that a test can be repeated. */

import { createHash } from 'node:crypto';

/**
 * Makes the function that returns numbers from 0 to below 1; the same seed gives the same numbers.
 */
export function seededChance(seed: string): () => number {
  let count = 0;
  return () => {
    count += 1;
    return digest(`${seed}:${count}`).readUInt32BE(0) / 2 ** 32;
  };
}

/** Makes the function that returns tntIds, 32 hex characters; the same seed gives the same ids. */
export function seededIds(seed: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return digest(`tntId ${seed}:${count}`).toString('hex', 0, 16);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
