/** An answer, as it goes out. */

import { STATUS_CODES } from 'node:http';

/** What goes out. */
export interface Answer {
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  readonly status: number;
  readonly headers: {
    /** The lines of the headers, each with its end; nothing about framing or the connection. */
    readonly text: string;
    /** The connection ends after this answer. */
    readonly closes: boolean;
    /** Half of the head goes out, then the connection ends: a fault of the sandbox. Not by default. */
    readonly isCut?: boolean;
  };
}

export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * The bytes of an answer: its head, and its body unless that is a stream.
 *
 * @param date the line of the Date header
 * @param keepAliveSeconds how long the connection stays open when nothing comes; undefined when it ends
 * @param isHead whether it goes to a HEAD: then without the body, with the framing that a GET would get
 * @param isOld whether it goes to a client of HTTP/1.0, which knows no chunks
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
