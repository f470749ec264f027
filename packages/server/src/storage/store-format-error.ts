/**
 * The data folder was written by another version of Quiver. This version refuses to start, because
 * it could misread the data.
 */
export class StoreFormatError extends Error {
  override readonly name = 'StoreFormatError';
  /** The exit code of `quiver serve` for this reason only. */
  static readonly exitCode = 6;

  constructor(path: string, found: number, known: number, oldest: number) {
    const why =
      found > known
        ? `knows formats up to ${known}`
        : `reads no format before ${oldest}; export the profiles with the version that wrote them`;
    super(`The store in ${path} has format ${found}; this version of Quiver ${why}`);
  }
}
