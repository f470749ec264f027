/** The head of an answer, as it goes out. */

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
  };
}

export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * Status line and headers of an answer, with the empty line after them.
 *
 * @param date the line of the Date header
 * @param keepAliveSeconds how long the connection stays open when nothing comes; undefined when it ends
 * @param isOld whether it goes to a client of HTTP/1.0, which knows no chunks
 */
export function answerHead(
  { status, headers, body }: Answer,
  date: string,
  keepAliveSeconds: number | undefined,
  isOld: boolean,
): string {
  const first = status === 200 ? 'HTTP/1.1 200 OK' : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`;
  const connection =
    keepAliveSeconds === undefined
      ? 'Connection: close\r\n'
      : `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n`;
  return `${first}\r\n${headers.text}${date}${connection}${framingOf(status, body, isOld)}\r\n`;
}

function framingOf(status: number, body: Answer['body'], isOld: boolean): string {
  if (status === 204 || status === 304) return '';
  if (body === null) return 'Content-Length: 0\r\n';
  if (!(body instanceof ReadableStream)) return `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return isOld ? '' : 'Transfer-Encoding: chunked\r\n';
}
