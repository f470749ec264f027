/** What a connection stands between: the application that answers, and the socket of the runtime. */

import type { QuiverError } from '../errors.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type { Caller } from '../wire/request.ts';
import type { Answer } from './answer.ts';
import type { IncomingRequest } from './incoming-request.ts';

/** What answers requests. */
export interface Service {
  /**
   * Bytes have arrived, called in the very callback that received them. Requests that waited for an
   * earlier answer are begun outside of it, without a call.
   */
  readonly arrived?: () => void;
  /**
   * Answers a request; never throws.
   *
   * @param refusal why the request cannot be read; `request` then has what is known of it
   */
  readonly answer: (
    request: IncomingRequest,
    caller: Caller,
    refusal: QuiverError | undefined,
  ) => NowOrLater<Answer>;
  /** For how many seconds an idle connection stays open. */
  readonly keepAliveSeconds: number;
}

/** The socket of a connection, as the runtime has it. */
export interface Transport extends Caller {
  /** Sends text, as UTF-8, or bytes; false when the client has not taken it yet, `drained` follows. */
  write(data: string | Uint8Array): boolean;
  /** Stops reading, and goes on with it. */
  pause(): void;
  resume(): void;
  /** Closes our side when all is sent. */
  end(): void;
  /** Closes both sides when all is sent. */
  close(): void;
  /** Closes both sides now. */
  destroy(): void;
}
