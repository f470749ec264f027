/** Sends calls: addresses, headers, time limits, and retries. */

import { QuiverArgumentError, QuiverClientError } from './errors.ts';
import { messageOf } from './reply-text.ts';

/** The address of the server, and how to call it. */
export interface ConnectionOptions {
  /** The server, for instance `http://127.0.0.1:8680` or `https://acme.tt.omtrdc.net`. */
  readonly url: string;
  /** The client code. */
  readonly client: string;
  /**
   * A profile token, or the admin token for calls that need it; sent as `Authorization: Bearer`. A
   * function is called before each try. None by default.
   */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>) | undefined;
  /** Headers of every call, for instance `X-Api-Key` for Adobe's Admin API; none by default. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * How long one try may take, in milliseconds, including the reply; 30,000 by default, 0 for no
   * limit.
   */
  readonly timeoutMs?: number;
  /** How often a call is retried, if that is safe; 3 by default, 0 for never. */
  readonly retries?: number;
  /**
   * Sends the requests; by default the `fetch` of the runtime. Replace it to use proxies or
   * certificates, or in tests.
   */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** Options of one call. */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Overrides that of the client. */
  readonly timeoutMs?: number;
  /** Overrides that of the client. */
  readonly retries?: number;
  /**
   * Called before a retry, with the status of the last reply (0 without one) and the delay in
   * milliseconds.
   */
  readonly onRetry?: (status: number, waitMs: number) => void;
  /** Called with the unchanged reply, before it is parsed. */
  readonly onReply?: (reply: RawReply) => void;
}

/** An unchanged reply. */
export interface RawReply {
  /** The server that sent it. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * When a call may be retried:
 * - `always`: repeating it has no further effect.
 * - `refused`: only when the server has answered 429 or 503, not when the reply was lost.
 * - `never`.
 */
export type Repeatable = 'always' | 'refused' | 'never';

/**
 * The types of a body; a stream needs a runtime whose fetch can send streams, which browsers do
 * only over HTTP/2.
 */
export type RequestBody = string | Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

/** One call. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Relative to the root of the server, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A function makes the body for each try. */
  readonly body?: RequestBody | (() => RequestBody) | undefined;
  /** `always` for GET and DELETE, else `never`. */
  readonly repeatable?: Repeatable;
}

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 2000;
/** If a server asks for a longer delay, the call fails and the caller decides. */
const MAX_RETRY_AFTER_MS = 60_000;

/** The connection of one client to one server. */
export class Connection {
  readonly url: string;
  readonly client: string;
  readonly #options: ConnectionOptions;

  /**
   * @throws TypeError when `url` is not an http or https URL, or contains a user, a query or a
   *   fragment
   */
  constructor(options: ConnectionOptions) {
    const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new TypeError('url: must begin with http:// or https://, for instance http://127.0.0.1:8680');
    }
    if (url.username !== '' || url.search !== '' || url.hash !== '') {
      throw new TypeError('url: must have no user, query or fragment');
    }
    let end = url.href.length;
    while (url.href[end - 1] === '/') end -= 1;
    this.url = url.href.slice(0, end);
    this.client = options.client;
    this.#options = options;
  }

  /**
   * Sends a call and reads the whole reply, whatever its status.
   *
   * @throws QuiverClientError `unreachable` or `timeout`
   */
  async send(call: Call, options: CallOptions = {}): Promise<RawReply> {
    const reply = await this.#tries(call, options, async (response) => ({
      url: this.url,
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    }));
    options.onReply?.(reply);
    return reply;
  }

  /**
   * As {@link send}, but the caller reads the body of the reply; the time limit ends when the body
   * begins.
   */
  open(call: Call, options: CallOptions = {}): Promise<Response> {
    return this.#tries(call, options, (response) => Promise.resolve(response));
  }

  async #tries<Reply extends { readonly status: number; readonly headers: Headers }>(
    call: Call,
    options: CallOptions,
    read: (response: Response) => Promise<Reply>,
  ): Promise<Reply> {
    const { method = 'GET' } = call;
    const repeatable = call.repeatable ?? (method === 'GET' || method === 'DELETE' ? 'always' : 'never');
    const retries = repeatable === 'never' ? 0 : (options.retries ?? this.#options.retries ?? 3);
    for (let tries = 0; ; tries += 1) {
      const isLast = tries >= retries;
      let status = 0;
      let wait = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + Math.random() / 2);
      try {
        const reply = await this.#once(call, options, read);
        const isBusy = reply.status === 429 || reply.status === 503;
        const asked = retryAfterMs(reply.headers);
        if (!isBusy || isLast || (asked ?? 0) > MAX_RETRY_AFTER_MS) return reply;
        status = reply.status;
        wait = asked ?? wait;
      } catch (error) {
        if (isLast || repeatable !== 'always' || !(error instanceof QuiverClientError)) throw error;
      }
      options.onRetry?.(status, wait);
      await pause(wait, options.signal);
    }
  }

  async #once<Reply>(
    { method = 'GET', path, query = {}, headers = {}, body }: Call,
    { signal, timeoutMs = this.#options.timeoutMs ?? 30_000 }: CallOptions,
    read: (response: Response) => Promise<Reply>,
  ): Promise<Reply> {
    signal?.throwIfAborted();
    const { token, headers: own } = this.#options;
    const bearer = typeof token === 'function' ? await token() : token;
    // fetch would fail as if the server could not be reached; it removes blanks around the value.
    if (/[^ -~]/.test(bearer?.trim() ?? '')) {
      throw new QuiverArgumentError('token: must consist of visible ASCII characters');
    }
    signal?.throwIfAborted();
    // The query names the client in case the path could mean another one; a client that is not
    // served is then refused.
    const parameters = new URLSearchParams({ client: this.client, ...withoutUndefined(query) });
    const content = typeof body === 'function' ? body() : body;
    const limit = new AbortController();
    const onAbort = () => limit.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = timeoutMs > 0 ? setTimeout(() => limit.abort(TIME_IS_UP), timeoutMs) : undefined;
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      // A token must not be sent to another address.
      redirect: 'error',
      headers: { ...own, ...(bearer && { authorization: `Bearer ${bearer}` }), ...headers },
      signal: limit.signal,
      ...(content !== undefined && { body: content }),
      ...(content instanceof ReadableStream && { duplex: 'half' }),
    };
    try {
      return await read(await (this.#options.fetch ?? fetch)(`${this.url}${path}?${parameters}`, init));
    } catch (cause) {
      signal?.throwIfAborted();
      if (limit.signal.aborted) {
        throw new QuiverClientError('timeout', `no reply from ${this.url} within ${timeoutMs} ms`, {
          url: this.url,
          cause,
        });
      }
      throw new QuiverClientError('unreachable', `cannot reach ${this.url}: ${networkReason(cause)}`, {
        url: this.url,
        cause,
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

const TIME_IS_UP = 'time is up';

/** The error for a refusal. */
export function refusalOf({ url, status, text, headers }: RawReply): QuiverClientError {
  return new QuiverClientError('refused', messageOf(text), {
    url,
    status,
    retryAfterMs: retryAfterMs(headers),
  });
}

/**
 * `Retry-After` in milliseconds; the header contains seconds or a date (RFC 9110 section 10.2.3).
 */
function retryAfterMs(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** Waits. @throws the signal's reason as soon as it aborts */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function withoutUndefined(query: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Bun's advice to people who call its fetch themselves. */
const BUN_ADVICE = / (For more information, pass|Was there a typo|Is the computer able)\b.*$/;

/** The underlying reason of a failed fetch; Node puts it into the cause, Bun into the message. */
function networkReason(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { cause, code, message } = error as { cause?: unknown; code?: unknown; message?: unknown };
  if (cause !== undefined && cause !== null) return networkReason(cause);
  if (code === 'ECONNREFUSED' || code === 'ConnectionRefused') return 'connection refused';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the connection was closed';
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? error);
  return text.split('\n', 1)[0]!.replace(BUN_ADVICE, '');
}
