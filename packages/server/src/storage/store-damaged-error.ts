/**
 * What is stored is not what was written, or is not there at all: it is refused rather than served
 * as if it were.
 */
export class StoreDamagedError extends Error {
  override readonly name = 'StoreDamagedError';
}
