/** An answer, as it is sent. */

import { STATUS_CODES } from 'node:http';

/** An answer to send. */
export interface Answer {
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  readonly status: number;
  readonly headers: {
    /** The header lines, each with its line ending; nothing about framing or the connection. */
    readonly text: string;
    /** Whether the connection closes after this answer. */
    readonly closes: boolean;
    /**
     * Whether only half of the head is sent and the connection then closed: a fault of the sandbox.
     * False by default.
     */
    readonly isCut?: boolean;
  };
}

export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * The bytes of an answer: its head, and its body unless that is a stream.
 *
 * @param date the line of the Date header
 * @param keepAliveSeconds how long the connection stays open when idle; undefined when it closes
 * @param isHead whether the request was a HEAD: the body is left out, but the framing is that of a
 *   GET
 * @param isOld whether the client speaks HTTP/1.0, which has no chunks
 * @throws TypeError when a header cannot be sent
 */
export function answerBytes(
  { status, headers, body }: Answer,
  date: string,
  keepAliveSeconds: number | undefined,
  isHead: boolean,
  isOld: boolean,
): string | Uint8Array {
  const first = status === 200 ? 'HTTP/1.1 200 OK' : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`;
  const connection =
    keepAliveSeconds === undefined
      ? 'Connection: close\r\n'
      : `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n`;
  const head = `${first}\r\n${headers.text}${date}${connection}${framingOf(status, body, isOld)}\r\n`;
  if (isHead || body === null) return head;
  if (typeof body === 'string') return head + body;
  return body instanceof Uint8Array ? Buffer.concat([Buffer.from(head), body]) : head;
}

function framingOf(status: number, body: Answer['body'], isOld: boolean): string {
  if (status === 204 || status === 304) return '';
  if (body === null) return 'Content-Length: 0\r\n';
  if (!(body instanceof ReadableStream)) return `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return isOld ? '' : 'Transfer-Encoding: chunked\r\n';
}
