/** A request as the application reads it, with the members of `HttpRequest` (`wire/request.ts`). */

import { MAX_BODY_WAITING_BYTES } from './limits.ts';

/** The headers of a request in the order they were sent: each name, then its value. */
export class IncomingHeaders {
  /** Each name as it was sent, then its value. */
  readonly raw: readonly string[];

  constructor(raw: readonly string[]) {
    this.raw = raw;
  }

  /**
   * The value of a header, several values joined as the Fetch standard says; null when it is
   * absent.
   */
  get(name: string): string | null {
    const raw = this.raw;
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

/** What a body needs from the connection on which it arrives. */
export interface BodySource {
  /** A reader waits for more of the body. */
  wanted(): void;
  /** More has arrived than was read; stop reading for now. */
  full(): void;
}

/** The body of a request as it arrives; it is read once, in pieces or whole. */
export class IncomingBody implements AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  readonly #source: BodySource;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #waitingBytes = 0;
  #hasEnded = false;
  #error: Error | undefined;
  #isWhole = false;
  #isUnwanted = false;
  #reader: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(source: BodySource) {
    this.#source = source;
  }

  push(pieces: readonly Uint8Array<ArrayBuffer>[], isLast: boolean): void {
    this.#hasEnded = isLast;
    if (this.#isUnwanted) return;
    for (const piece of pieces) {
      this.#waiting.push(piece);
      this.#waitingBytes += piece.length;
    }
    if (!this.#isWhole || isLast) this.#wake();
    if (!this.#isWhole && this.#waitingBytes > MAX_BODY_WAITING_BYTES) this.#source.full();
  }

  /** No more will arrive; reading the body fails with this error. */
  fail(error: Error): void {
    if (this.#hasEnded) return;
    this.#error ??= error;
    this.#wake();
  }

  /** Drops what waits and what still arrives. */
  discard(): void {
    this.#isUnwanted = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    this.#isWhole = true;
    if (!this.#hasEnded) await this.#more();
    if (!this.#hasEnded) throw this.#error!;
    const [first] = this.#waiting;
    if (this.#waiting.length === 1) return copyOf(first!);
    return copyOf(Buffer.concat(this.#waiting));
  }

  async next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    while (this.#waiting.length === 0) {
      if (this.#error) throw this.#error;
      if (this.#hasEnded || this.#isUnwanted) return { done: true, value: undefined };
      await this.#more();
    }
    const value = this.#waiting.shift()!;
    this.#waitingBytes -= value.length;
    return { done: false, value };
  }

  /** The reader wants no more of the body. */
  async return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    this.discard();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #more(): Promise<void> {
    this.#source.wanted();
    if (this.#error) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (this.#error) reader?.reject(this.#error);
    else reader?.resolve();
  }
}

function copyOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

export class IncomingRequest {
  readonly method: string;
  /** The target as it was sent. */
  readonly url: string;
  readonly headers: IncomingHeaders;
  readonly #body: IncomingBody | undefined;

  constructor(method: string, url: string, headers: IncomingHeaders, body?: IncomingBody) {
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.#body = body;
  }

  /** Null for GET and HEAD: a body of these has no meaning (RFC 9110 section 9.3.1). */
  get body(): IncomingBody | null {
    return this.method === 'GET' || this.method === 'HEAD' ? null : (this.#body ?? null);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.body?.arrayBuffer() ?? Promise.resolve(new ArrayBuffer(0));
  }
}
