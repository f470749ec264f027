/** Sends the calls: addresses, headers, time limits, and which calls are sent again. */

import { QuiverClientError } from './errors.ts';
import { messageOf } from './reply-text.ts';

/** Where the server is, and how to call it. */
export interface ConnectionOptions {
  /** The server, for instance `http://127.0.0.1:8680` or `https://acme.tt.omtrdc.net`. */
  readonly url: string;
  /** The client code. */
  readonly client: string;
  /**
   * A profile token, or the admin token for what needs it; sent as `Authorization: Bearer`. A function is asked before each try.
   * None by default.
   */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>) | undefined;
  /** Headers of every call, for instance `X-Api-Key` for Adobe's Admin API; none by default. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long one try may take, in milliseconds, the reply included; 30,000 by default, 0 for no limit. */
  readonly timeoutMs?: number;
  /** How often a call that may be sent again is; 3 by default, 0 for never. */
  readonly retries?: number;
  /** Sends the requests: `fetch` of the runtime by default. One of your own brings proxies, certificates or tests. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** What may be said for one call. */
export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** In place of that of the client. */
  readonly timeoutMs?: number;
  /** In place of that of the client. */
  readonly retries?: number;
  /** Told before a call is sent again: after which status (0 without a reply), and how long it waits, in milliseconds. */
  readonly onRetry?: (status: number, waitMs: number) => void;
  /** Told the reply as it came, before it is read. */
  readonly onReply?: (reply: RawReply) => void;
}

/** A reply as it came. */
export interface RawReply {
  /** The server that gave it. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * When a call may be sent again:
 * - `always`: carried out twice it leaves the same as once.
 * - `refused`: only when the server has answered 429 or 503, not when the reply was lost.
 * - `never`.
 */
export type Repeatable = 'always' | 'refused' | 'never';

/** What can be sent as a body; a stream needs a runtime whose fetch sends streams, which browsers do over HTTP/2 alone. */
export type RequestBody = string | Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

/** One call. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the root of the server, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A function makes the body anew for each try. */
  readonly body?: RequestBody | (() => RequestBody) | undefined;
  /** `always` for GET and DELETE, else `never`. */
  readonly repeatable?: Repeatable;
}

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 2000;
/** A server that wants to be left alone for longer is told to the caller, who knows better. */
const MAX_RETRY_AFTER_MS = 60_000;

/** One client's part of one server. */
export class Connection {
  readonly url: string;
  readonly client: string;
  readonly #options: ConnectionOptions;

  /** @throws TypeError when `url` is not one of http or https, or holds a user, a query or a fragment */
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
   * Sends a call and reads the whole reply, whatever its status is.
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

  /** As {@link send}; the body of the reply is left to the caller, and the time limit ends when it begins. */
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
    signal?.throwIfAborted();
    // The query names the client where the path might be taken for another: a client not served is then refused.
    const parameters = new URLSearchParams({ client: this.client, ...withoutUndefined(query) });
    const content = typeof body === 'function' ? body() : body;
    const limit = new AbortController();
    const onAbort = () => limit.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = timeoutMs > 0 ? setTimeout(() => limit.abort(TIME_IS_UP), timeoutMs) : undefined;
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      // A token must not follow to another address.
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

/** What a refusal throws. */
export function refusalOf({ url, status, text, headers }: RawReply): QuiverClientError {
  return new QuiverClientError('refused', messageOf(text), {
    url,
    status,
    retryAfterMs: retryAfterMs(headers),
  });
}

/** `Retry-After` in milliseconds, given as seconds or as a date (RFC 9110 section 10.2.3). */
function retryAfterMs(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** Waits. @throws the reason of the signal, at once when it is given */
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

/** What Bun advises those who call its fetch themselves. */
const BUN_ADVICE = / (For more information, pass|Was there a typo|Is the computer able)\b.*$/;

/** What went wrong beneath a failed fetch; Node hides it in the cause, Bun says it itself. */
function networkReason(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { cause, code, message } = error as { cause?: unknown; code?: unknown; message?: unknown };
  if (cause !== undefined && cause !== null) return networkReason(cause);
  if (code === 'ECONNREFUSED' || code === 'ConnectionRefused') return 'connection refused';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the connection was closed';
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? error);
  return text.split('\n', 1)[0]!.replace(BUN_ADVICE, '');
}
