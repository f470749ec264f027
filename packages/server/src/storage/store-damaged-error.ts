/** The stored data is not what was written, or is missing. It is refused rather than served. */
export class StoreDamagedError extends Error {
  override readonly name = 'StoreDamagedError';
}
