/**
 * Why a call failed:
 * - `refused`: the server answered, with a status that is not a success; `status` has it.
 * - `unreachable`: there was no reply; whether the call was carried out is not known.
 * - `timeout`: as `unreachable`, because the time was up.
 * - `unexpected`: the reply is not one of these APIs, for instance the page of a proxy.
 */
export type FailureKind = 'refused' | 'unreachable' | 'timeout' | 'unexpected';

/** A call that failed. The message is one line and names the reason that the server gave. */
export class QuiverClientError extends Error {
  override readonly name = 'QuiverClientError';
  readonly kind: FailureKind;
  /** The HTTP status; 0 without a reply. */
  readonly status: number;
  /** The server that was called. */
  readonly url: string;
  /** What `Retry-After` said, in milliseconds; undefined when it said nothing. */
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

/** A call that cannot be sent as it was made: a wrong or missing id, name or value. Nothing was sent. */
export class QuiverArgumentError extends TypeError {
  override readonly name = 'QuiverArgumentError';
}
