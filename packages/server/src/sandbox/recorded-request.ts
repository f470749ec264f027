/** A request that keeps the beginning of its body, for the journal of a sandbox. */

import type { HttpRequest } from '../wire/request.ts';

/** How much of a body is kept, in bytes. */
export const KEPT_BODY_BYTES = 64 * 1024;

/** The longest body that is read before its route, in bytes. */
const MAX_AHEAD = 1024 * 1024;

/** Wraps a request, behaves like it, and remembers the part of the body that was read. */
export class RecordedRequest implements HttpRequest {
  readonly method: string;
  readonly url: string;
  /** The headers that {@link release} has kept. */
  readonly kept: Record<string, string> = {};
  #request: HttpRequest;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #whole: ArrayBuffer | undefined;

  constructor(request: HttpRequest) {
    this.method = request.method;
    this.url = request.url;
    this.#request = request;
  }

  /** The part of the body read so far, as text, up to {@link KEPT_BODY_BYTES}. */
  get text(): string {
    return Buffer.concat(this.#kept).toString('utf8');
  }

  /** Releases the request once it is answered, so that only the named headers stay in memory. */
  release(names: readonly string[]): void {
    const { headers } = this.#request;
    for (const name of names) {
      const value = headers.get(name);
      if (value !== null) this.kept[name] = value;
    }
    this.#request = { ...ANSWERED, method: this.method, url: this.url };
    this.#whole = undefined;
  }

  /** How many bytes of the body are kept. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  get headers(): HttpRequest['headers'] {
    return this.#request.headers;
  }

  get body(): HttpRequest['body'] {
    if (this.#whole !== undefined) return onePiece(this.#whole);
    const { body } = this.#request;
    return body && this.#keeping(body);
  }

  async *#keeping(body: NonNullable<HttpRequest['body']>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for await (const chunk of body) {
      this.#keep(chunk);
      yield chunk;
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#whole !== undefined) return this.#whole;
    const bytes = await this.#request.arrayBuffer();
    this.#keep(new Uint8Array(bytes));
    return bytes;
  }

  /**
   * Reads the body before its route does; the route then gets it from here. Bodies that are long or
   * of unknown length are not read ahead.
   */
  async readAhead(): Promise<void> {
    const length = Number(this.headers.get('content-length') ?? 0);
    if (length > 0 && length <= MAX_AHEAD) this.#whole ??= await this.arrayBuffer();
  }

  #keep(chunk: Uint8Array): void {
    const room = KEPT_BODY_BYTES - this.#keptBytes;
    if (room <= 0) return;
    const kept = Uint8Array.prototype.slice.call(chunk, 0, room);
    this.#kept.push(kept);
    this.#keptBytes += kept.byteLength;
  }
}

/** Replaces a request that was answered. */
const ANSWERED = {
  headers: { get: () => null, has: () => false },
  body: null,
  arrayBuffer: async () => new ArrayBuffer(0),
};

async function* onePiece(bytes: ArrayBuffer): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new Uint8Array(bytes);
}
