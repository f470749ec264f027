/**
 * The store would lose what it has acknowledged; nothing was opened. The message names what is
 * amiss.
 */
export class UnsafeStoreError extends Error {
  override readonly name = 'UnsafeStoreError';
}
