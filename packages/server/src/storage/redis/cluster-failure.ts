/** The error for a caller when a node of a cluster has finally refused a call. */

import { QuiverError } from '../../errors.ts';
import type { Failed } from './cluster-node.ts';

export const RETRY_AFTER = { 'retry-after': '2' };

/** @param code what is known about the call and the attempts before it */
export function failure(error: Failed, code: 'not-done' | 'unavailable' | 'unknown'): QuiverError {
  const isFull = /^(OOM|MISCONF)/.test(error.message);
  // An earlier attempt may have been done before the store was full.
  if (isFull && code === 'not-done') {
    return new QuiverError('insufficient-storage', 'The store has no room', { cause: error });
  }
  if (isFull) return new QuiverError(code, 'The store has no room', { cause: error, headers: RETRY_AFTER });
  // A right or a password was withdrawn. Once it is restored, the same call succeeds.
  const isHalfDone = code === 'not-done' && /\bscript\b/i.test(error.message);
  return new QuiverError(
    isHalfDone ? 'unknown' : code,
    'The store refused a command just now; send it again',
    {
      cause: error,
      headers: RETRY_AFTER,
    },
  );
}
