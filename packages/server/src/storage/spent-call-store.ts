/**
 * The storage contract for sealed calls between edge clusters. Each call is accepted once, by one
 * of all processes that share the store. A call is valid for seconds, so none of this needs to
 * survive a restart of the machine.
 */

export interface SpentCallStore {
  /**
   * Marks a call as used.
   *
   * @param nonce identifies the call, 22 characters of base64url
   * @param sealedAt when it was sealed, in epoch milliseconds; the same for every copy
   * @returns false when it has been used before
   * @throws QuiverError (throws or rejects) `unavailable` when the mark cannot be stored
   */
  spend(nonce: string, sealedAt: number): boolean | Promise<boolean>;
}

/**
 * How long a call is remembered after it was sealed, in milliseconds; longer than the seal is
 * valid.
 */
export const SPENT_CALLS_KEPT_MS = 20_000;
