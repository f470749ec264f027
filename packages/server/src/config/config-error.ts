/** A wrong flag, variable or file: one line that names it, exit code 2 (spec section 11). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  static readonly exitCode = 2;
}
