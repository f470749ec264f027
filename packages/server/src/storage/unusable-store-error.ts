/**
 * The files of the embedded store cannot be opened properly, so nothing was opened. The message
 * names the file or limit, and what to do.
 */
export class UnusableStoreError extends Error {
  override readonly name = 'UnusableStoreError';
  /** The system's name for the problem, for instance `EACCES`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
