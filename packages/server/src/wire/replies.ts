/**
 * The replies of the API, as JSON and XML. They tell browsers not to cache them and not to guess
 * their type.
 */

import { randomUUID } from 'node:crypto';
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import { xmlResponse } from './xml.ts';

/** The format of a route's replies, which is also the format of its refusals. */
export type ReplyStyle = 'json' | 'xml' | 'batch-xml' | 'admin' | 'plain';

export const JSON_HEADERS = {
  'content-type': 'application/json;charset=UTF-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const;

const XML_HEADERS = { ...JSON_HEADERS, 'content-type': 'text/xml;charset=UTF-8' } as const;
const EMPTY_HEADERS = { 'cache-control': 'no-store' } as const;
export const PLAIN_HEADERS = { ...JSON_HEADERS, 'content-type': 'text/plain;charset=UTF-8' } as const;

type Headers = Readonly<Record<string, string>>;
type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;

/**
 * What a handler returns. The entrance adds headers to it, and only then builds a Response where
 * one is needed; adding headers to an existing Response costs as much as creating it.
 */
export class Reply {
  readonly body: Body;
  readonly status: number;
  /**
   * Names in lower case. Pass the same object each time when the headers never change, so that they
   * are combined only once.
   */
  readonly headers: Headers;

  constructor(body: Body, status: number, headers: Headers) {
    this.body = body;
    this.status = status;
    this.headers = headers;
  }
}

/**
 * The header that names the edge cluster a reply's data came from, when it is another one (contract
 * section 8).
 */
export function edgeHeader(cluster: number | undefined): Headers {
  return cluster === undefined ? NONE : { 'x-quiver-edge': String(cluster) };
}

/** A reply with all its headers, ready to be sent; without a body when it answers a HEAD. */
export interface Outgoing {
  readonly body: Body;
  readonly status: number;
  readonly headers: HeaderLines;
}

/** Headers and their text on the wire; the text is built when first needed and then kept. */
export class HeaderLines {
  /** Names in lower case. */
  readonly values: Headers;
  #text: string | undefined;

  constructor(values: Headers) {
    this.values = values;
  }

  /**
   * One line per header except `connection`, which the connection writes itself.
   *
   * @throws TypeError for a name or a value that a header cannot contain
   */
  get text(): string {
    this.#text ??= linesOf(this.values);
    return this.#text;
  }

  /** Whether the connection closes after this reply. */
  get closes(): boolean {
    return this.values.connection === 'close';
  }

  /**
   * Whether the connection is cut in the middle of the head, so that the client gets no reply:
   * `connection: cut`.
   */
  get isCut(): boolean {
    return this.values.connection === 'cut';
  }
}

function linesOf(values: Headers): string {
  let text = '';
  for (const [name, value] of Object.entries(values)) {
    if (name === 'connection') continue;
    validateHeaderName(name);
    validateHeaderValue(name, value);
    text += `${name.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase())}: ${value}\r\n`;
  }
  return text;
}

const NONE: Headers = {};
/** The headers of every reply of a kind, combined with those of this reply. */
function withHeaders(ofKind: Headers, own: Headers): Headers {
  return own === NONE ? ofKind : { ...ofKind, ...own };
}

/** A JSON reply; 200 by default. */
export function jsonReply(value: unknown, status = 200, headers: Headers = NONE): Reply {
  return new Reply(JSON.stringify(value), status, withHeaders(JSON_HEADERS, headers));
}

/** The XML reply of an update with `success` true or false (contract section 5); 200 by default. */
export function updateReply(success: boolean, message: string, status = 200, headers: Headers = NONE): Reply {
  const text = xmlResponse([
    ['success', String(success)],
    ['pcId', ''],
    ['message', message],
  ]);
  return xmlReply(text, status, headers);
}

/** The XML reply to an upload with `success` true or false (contract section 6); 200 by default. */
export function batchReply(
  success: boolean,
  statusUrl: string,
  message: string,
  status = 200,
  headers: Headers = NONE,
): Reply {
  return xmlReply(
    xmlResponse([
      ['success', String(success)],
      ['batchStatus', statusUrl],
      ['message', message],
    ]),
    status,
    headers,
  );
}

/** An XML reply with text made by `wire/xml.ts`; 200 by default. */
export function xmlReply(text: string, status = 200, headers: Headers = NONE): Reply {
  return new Reply(text, status, withHeaders(XML_HEADERS, headers));
}

/** A plain-text reply for people and probes. */
export function plainReply(
  text: string | ReadableStream<Uint8Array>,
  status = 200,
  headers: Headers = NONE,
): Reply {
  return new Reply(text, status, withHeaders(PLAIN_HEADERS, headers));
}

/** A 204 reply: success without content. */
export function emptyReply(headers: Headers = NONE): Reply {
  return new Reply(null, 204, withHeaders(EMPTY_HEADERS, headers));
}

/**
 * A refusal in the format of Adobe's Admin API (contract section 9); its code is the name of the
 * status, such as `NotFound`.
 */
function adminRefusal(status: number, message: string, headers: Headers): Reply {
  const errorCode = (STATUS_CODES[status] ?? 'Error').replaceAll(/[^A-Za-z]/g, '');
  const refused = {
    httpStatus: status,
    requestId: randomUUID(),
    requestTime: new Date().toISOString(),
    errors: [{ errorCode, message }],
  };
  return jsonReply(refused, status, headers);
}

/**
 * A refusal in the format of its route: `{"status":…,"message":…}`, the update's XML with `success`
 * false, the Admin API's list of errors, or a line of text.
 */
export function refusal(style: ReplyStyle, status: number, message: string, headers: Headers = NONE): Reply {
  if (style === 'admin') return adminRefusal(status, message, headers);
  if (style === 'json') return jsonReply({ status, message }, status, headers);
  if (style === 'xml') return updateReply(false, message, status, headers);
  if (style === 'batch-xml') return batchReply(false, '', message, status, headers);
  return plainReply(`${message}\n`, status, headers);
}
