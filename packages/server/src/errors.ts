/**
 * The one error class of the project: a closed set of codes, each with the HTTP status of its
 * reply.
 *
 * `message` is public: it is sent to the caller unchanged, so it names the member and the rule and
 * never a secret. The cause goes only to the log, under `instance`, the id that a 500 shows to the
 * caller.
 */
import { randomUUID } from 'node:crypto';

const STATUS_OF_CODE = {
  /** The request breaks a rule; nothing was stored. */
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  /** The present state does not allow it; nothing was changed. */
  conflict: 409,
  /** It existed, but is no longer kept. */
  gone: 410,
  'body-too-large': 413,
  'url-too-long': 414,
  'unsupported-media-type': 415,
  'expectation-failed': 417,
  /** The request is for a host name that this server does not have (RFC 9110 section 15.5.20). */
  misdirected: 421,
  'too-many-requests': 429,
  'headers-too-large': 431,
  /** The store has reported that it did nothing: nothing changed, the caller may retry. */
  'not-done': 503,
  /**
   * The store cannot tell whether the write was done. Retrying is safe, because every write of
   * Quiver is idempotent.
   */
  unknown: 503,
  /** Something that a correct answer needs could not be reached. */
  unavailable: 503,
  /** No space to store it; nothing changed (RFC 4918 section 11.5). */
  'insufficient-storage': 507,
  internal: 500,
  'not-implemented': 501,
  'version-not-supported': 505,
} as const;

export type ErrorCode = keyof typeof STATUS_OF_CODE;

export interface QuiverErrorOptions {
  /** The underlying error; logged, never shown. */
  readonly cause?: unknown;
  /**
   * Response headers of this refusal, names in lower case, for instance `allow` or `retry-after`.
   */
  readonly headers?: Readonly<Record<string, string>>;
}

export class QuiverError extends Error {
  override readonly name = 'QuiverError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Links the caller's reply to the line in the log. */
  readonly instance: string = randomUUID();

  constructor(code: ErrorCode, message: string, options: QuiverErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = STATUS_OF_CODE[code];
    this.headers = options.headers ?? {};
  }
}

/** The refusal of a request that breaks a rule. */
export function badRequest(message: string): QuiverError {
  return new QuiverError('bad-request', message);
}
