/** The one place where an error becomes a reply. */

import type pino from 'pino';
import { QuiverError } from '../errors.ts';
import { type Reply, type ReplyStyle, refusal } from './replies.ts';

/** How long a caller should wait before it retries after a 503, in seconds. */
const RETRY_AFTER = '1';

/**
 * Turns a thrown value into a reply in the style of the route.
 *
 * A `QuiverError` becomes its status and message. Anything else becomes a bare 500 that shows only
 * the instance id; the log has the details under that id. Every reply with status 500 or above is
 * logged.
 */
export function errorToResponse(thrown: unknown, style: ReplyStyle, log: pino.Logger): Reply {
  if (!(thrown instanceof QuiverError)) {
    const error = new QuiverError('internal', 'Internal error', { cause: thrown });
    log.error({ err: thrown, instance: error.instance }, 'a request failed');
    return refusal(style, 500, `Internal error ${error.instance}`);
  }
  if (thrown.status >= 500) log.error({ ...causeOf(thrown), instance: thrown.instance }, 'a request failed');
  const headers = thrown.status === 503 ? { 'retry-after': RETRY_AFTER, ...thrown.headers } : thrown.headers;
  return refusal(style, thrown.status, thrown.message, headers);
}

/**
 * What the log says of a refusal. One without an underlying error was made on purpose, and its
 * message says all; a stack trace for each of many such requests would bury the line that says what
 * is wrong with the store.
 */
function causeOf(refused: QuiverError): object {
  return refused.cause === undefined ? { code: refused.code, reason: refused.message } : { err: refused };
}
