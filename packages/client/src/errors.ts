/**
 * Why a call failed:
 * - `refused`: the server answered with an error; `status` has its status.
 * - `unreachable`: there was no reply; it is unknown whether the call was carried out.
 * - `timeout`: as `unreachable`, because the time was up.
 * - `unexpected`: the reply does not come from these APIs; it is, for instance, the page of a
 *   proxy.
 */
export type FailureKind = 'refused' | 'unreachable' | 'timeout' | 'unexpected';

/** A call that failed. The message is one line with the reason that the server gave. */
export class QuiverClientError extends Error {
  override readonly name = 'QuiverClientError';
  readonly kind: FailureKind;
  /** The HTTP status; 0 without a reply. */
  readonly status: number;
  /** The server that was called. */
  readonly url: string;
  /** The value of `Retry-After` in milliseconds; undefined without one. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    {
      status = 0,
      url = '',
      retryAfterMs,
      cause,
    }: { status?: number; url?: string; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.status = status;
    this.url = url;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A call with invalid arguments: a wrong or missing id, name or value. Nothing was sent. */
export class QuiverArgumentError extends TypeError {
  override readonly name = 'QuiverArgumentError';
}
