/** A request of `node:http` as the application reads it. */

import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream';

const SLASH = 47;
/** A host, perhaps with a port, that makes a URL with any path. */
const PLAIN_HOST = /^[a-z0-9._-]+(?::(?:[1-5][0-9]{3,4}|[6-9][0-9]{3}))?$/;
/** A target that stands in a URL as it was sent, unless it has {@link DOTS}: the others have something in them that a URL escapes. */
const PLAIN_TARGET = /^\/[!#-;=?-[\]_a-z~]*$/;
/** A path segment of one or two dots, which a URL resolves. */
const DOTS = /\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;

/**
 * The members of a web-standard `Request` that the application reads, and no other: to make a true one for each fetch costs too much.
 *
 * Where a header was sent more than once, all its values are joined as the Fetch standard has it, so that two Host headers show themselves.
 */
export class NodeRequest implements Pick<Request, 'method' | 'url' | 'body' | 'arrayBuffer'> {
  readonly method: string;
  /** Path and query alone: which host is meant, the application asks the header, and it reads the two from any URL alike. */
  readonly url: string;
  readonly headers: NodeHeaders;
  readonly #incoming: IncomingMessage;
  #body: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;

  private constructor(incoming: IncomingMessage, url: string) {
    this.method = incoming.method!;
    this.url = url;
    this.headers = new NodeHeaders(incoming.rawHeaders);
    this.#incoming = incoming;
  }

  /** The request that has come in; undefined when its Host and its target make no URL. */
  static of(incoming: IncomingMessage): NodeRequest | undefined {
    // HTTP/1.0 may come without a Host; the default client is then meant.
    const target = targetOf(incoming.headers.host || 'localhost', originForm(incoming.url || '/'));
    return target === undefined ? undefined : new NodeRequest(incoming, target);
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (!this.#mayHaveBody) return null;
    this.#body ??= bodyOf(this.#incoming);
    return this.#body;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#mayHaveBody ? bytesOf(this.#incoming) : Promise.resolve(new ArrayBuffer(0));
  }

  /** As of a true Request: what comes with a GET or a HEAD is no part of it (RFC 9110 section 9.3.1). */
  get #mayHaveBody(): boolean {
    return this.method !== 'GET' && this.method !== 'HEAD';
  }
}

class NodeHeaders implements Pick<Headers, 'get' | 'has'> {
  readonly #raw: readonly string[];

  constructor(raw: readonly string[]) {
    this.#raw = raw;
  }

  get(name: string): string | null {
    const raw = this.#raw;
    const wanted = name.toLowerCase();
    let value: string | null = null;
    for (let at = 0; at < raw.length; at += 2) {
      const sent = raw[at]!;
      if (sent.length !== wanted.length || sent.toLowerCase() !== wanted) continue;
      const own = raw[at + 1]!;
      value = value === null ? own : `${value}${wanted === 'cookie' ? '; ' : ', '}${own}`;
    }
    return value;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }
}

/** A target in absolute form names a host of its own, which must not count; only its path and query go on (RFC 9112 section 3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(target)?.[0];
  if (scheme === undefined) return target;
  const rest = target.slice(scheme.length);
  const end = rest.search(/[/?#]/);
  const path = end === -1 ? '' : rest.slice(end);
  return path.startsWith('/') ? path : `/${path}`;
}

/** The target as it would stand in a URL; undefined where the host is more than a host, or where a backslash might be taken for a slash. */
function targetOf(host: string, target: string): string | undefined {
  if (target.charCodeAt(0) !== SLASH) return undefined;
  const isPlainHost = PLAIN_HOST.test(host);
  if (isPlainHost && PLAIN_TARGET.test(target) && !DOTS.test(target)) return target;
  const text = `http://${host}${target}`;
  if (target.split('?', 1)[0]!.includes('\\') || !URL.canParse(text)) return undefined;
  const { hostname, origin, href } = new URL(text);
  const isThatHost = isPlainHost || hostname === host.replace(/:[0-9]+$/, '').toLowerCase();
  return isThatHost ? href.slice(origin.length) : undefined;
}

/** The body as a stream: a chunk is taken when one is asked for. Who stops listening leaves the rest, and the connection, to the answer. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  let stop = () => {};
  return new ReadableStream({
    start(controller) {
      const take = (chunk: Buffer<ArrayBuffer>) => {
        controller.enqueue(chunk);
        incoming.pause();
      };
      const forget = finished(incoming, { writable: false }, (error) => {
        stop();
        if (error) controller.error(error);
        else controller.close();
      });
      stop = () => {
        forget();
        incoming.off('data', take).pause();
      };
      incoming.pause().on('data', take);
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      stop();
    },
  });
}

function bytesOf(incoming: IncomingMessage): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    finished(incoming, { writable: false }, (error) => {
      if (error) reject(error);
      else resolve(new Uint8Array(Buffer.concat(chunks)).buffer);
    });
  });
}
