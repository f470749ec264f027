/** The two sides of a connection: the application that answers, and the socket of the runtime. */

import type { QuiverError } from '../errors.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type { Caller } from '../wire/request.ts';
import type { Answer } from './answer.ts';
import type { IncomingRequest } from './incoming-request.ts';

/** The application that answers requests. */
export interface Service {
  /**
   * Called when bytes have arrived, inside the callback that received them. It is not called for
   * requests that begin later because they waited for an earlier answer.
   */
  readonly arrived?: () => void;
  /**
   * Answers a request; never throws.
   *
   * @param refusal why the request cannot be read; `request` then holds what is known of it
   */
  readonly answer: (
    request: IncomingRequest,
    caller: Caller,
    refusal: QuiverError | undefined,
  ) => NowOrLater<Answer>;
  /** How many seconds an idle connection stays open. */
  readonly keepAliveSeconds: number;
}

/** The socket of a connection, as the runtime provides it. */
export interface Transport extends Caller {
  /**
   * Sends text (as UTF-8) or bytes. Returns false when the client has not received it yet;
   * `drained` follows.
   */
  write(data: string | Uint8Array): boolean;
  /** Stops reading; `resume` continues. */
  pause(): void;
  resume(): void;
  /** Closes our side when everything has been sent. */
  end(): void;
  /** Closes both sides when everything has been sent. */
  close(): void;
  /** Closes both sides now. */
  destroy(): void;
}
