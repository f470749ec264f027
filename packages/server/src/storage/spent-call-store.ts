/**
 * The storage contract of sealed calls between edge clusters: each is let in once, by one of all
 * processes that share the store.
 *
 * Nothing of it needs to outlive a machine: a call is good for seconds.
 */

export interface SpentCallStore {
  /**
   * Spends a call.
   *
   * @param nonce tells it from every other, 22 characters of base64url
   * @param sealedAt when it was sealed, in epoch milliseconds: the same however often it is sent
   * @returns false when it was spent before
   * @throws QuiverError (throws or rejects) `unavailable` when that cannot be noted
   */
  spend(nonce: string, sealedAt: number): boolean | Promise<boolean>;
}

/**
 * How long a call must be remembered after it was sealed, in milliseconds: longer than its seal is
 * good.
 */
export const SPENT_CALLS_KEPT_MS = 20_000;
