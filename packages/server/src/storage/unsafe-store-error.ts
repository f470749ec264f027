/**
 * The store could lose acknowledged writes, so nothing was opened. The message names the problem.
 */
export class UnsafeStoreError extends Error {
  override readonly name = 'UnsafeStoreError';
}
