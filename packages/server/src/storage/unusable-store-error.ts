/**
 * The files of the embedded store cannot be opened as they must be; nothing was opened. The message
 * names the file or limit, and what to do.
 */
export class UnusableStoreError extends Error {
  override readonly name = 'UnusableStoreError';
  /** As the system names the problem, for instance `EACCES`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
