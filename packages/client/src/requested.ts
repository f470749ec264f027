/** Sends a call and expects a success. */

import { type Call, type CallOptions, type Connection, type RawReply, refusalOf } from './connection.ts';
import { QuiverClientError } from './errors.ts';
import { messageOf } from './reply-text.ts';

/** A call whose body may be JSON. */
export interface Request extends Omit<Call, 'body'> {
  readonly body?: Call['body'];
  /** Sent as JSON. */
  readonly json?: unknown;
}

/**
 * Sends a call. @throws QuiverClientError `refused` when the status is an error; `unreachable` or
 * `timeout` without a reply
 */
export async function requested(
  connection: Connection,
  { json, headers, ...call }: Request,
  options?: CallOptions,
): Promise<RawReply> {
  const reply = await connection.send(
    {
      ...call,
      headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    },
    options,
  );
  if (reply.status < 200 || reply.status > 299) throw refusalOf(reply);
  return reply;
}

/**
 * Parses a reply as JSON.
 *
 * @param member a member that it must have; without it, the reply comes from something else
 * @throws QuiverClientError `unexpected`
 */
export function jsonOf<Reply>({ url, text, status }: RawReply, member?: string): Reply {
  try {
    const json: unknown = JSON.parse(text);
    const fits = member === undefined || (typeof json === 'object' && json !== null && member in json);
    if (fits) return json as Reply;
  } catch {
    // Reported below.
  }
  throw new QuiverClientError('unexpected', `the reply is not one of Quiver's: ${messageOf(text)}`, {
    status,
    url,
  });
}

/**
 * Runs a call; returns undefined when it was refused with 404, unless the 404 says that the client
 * is not served.
 */
export async function undefinedWhen404<Reply>(run: () => Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof QuiverClientError && isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Whether a 404 says that the requested resource does not exist, and not that the address or client
 * code is wrong.
 */
function isNotFound({ status, message }: QuiverClientError): boolean {
  return status === 404 && /^No (profile|attribute|batch|such batch|privacy request)\b/i.test(message);
}
