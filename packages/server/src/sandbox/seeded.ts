/** Numbers and ids that a seed determines, so that a test can be run again. */

import { createHash } from 'node:crypto';

/** Makes the function that draws numbers from 0 up to 1, 1 not included; the same seed gives the same numbers. */
export function seededChance(seed: string): () => number {
  let count = 0;
  return () => {
    count += 1;
    return digest(`${seed}:${count}`).readUInt32BE(0) / 2 ** 32;
  };
}

/** Makes the function that gives tntIds, 32 hex characters; the same seed gives the same ids. */
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
