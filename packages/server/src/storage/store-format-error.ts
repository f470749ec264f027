/** The data folder was written by a newer Quiver: this one refuses to start rather than misread it. */
export class StoreFormatError extends Error {
  override readonly name = 'StoreFormatError';
  /** The exit code of `quiver serve` for this cause alone. */
  static readonly exitCode = 6;

  constructor(path: string, found: number, known: number) {
    super(`The store in ${path} has format ${found}; this version of Quiver knows formats up to ${known}`);
  }
}
