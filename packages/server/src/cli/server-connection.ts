/** A running server as the client commands reach it, and the flags that say where it is. */

import { Readable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ignoreProxies, isOfThisMachine, proxyFor } from '../config/proxies.ts';
import { ClientFailure, EXIT } from './client-failure.ts';

/** What the flags of every client command say. */
export interface ConnectionOptions {
  readonly url: string;
  readonly client: string;
  readonly token?: string;
}

/** Help that all client commands end with. */
export const CONNECTION_HELP = `
QUIVER_URL, QUIVER_CLIENT and QUIVER_TOKEN stand for --url, --client and --token.

Exit codes: 0 all well; 1 the server refused; 2 wrong use or a bad file; 3 rows failed; 4 the server cannot be reached.
`;

/** Adds `--url`, `--client` and `--token`. */
export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option('--url <url>', 'the server')
        .env('QUIVER_URL')
        .default('http://127.0.0.1:8680')
        .argParser(serverUrl),
    )
    .addOption(
      new Option('--client <code>', 'client code')
        .env('QUIVER_CLIENT')
        .default('demo')
        // For `serve` the variable may list several, the first being the default client.
        .argParser((codes) => codes.split(',')[0]!.trim()),
    )
    .addOption(
      new Option('--token <token>', 'profile or admin token, sent as "Authorization: Bearer"').env(
        'QUIVER_TOKEN',
      ),
    );
}

function serverUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:8680.');
  }
  if (url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError('It must have no user, query or fragment.');
  }
  let end = url.href.length;
  while (url.href[end - 1] === '/') end -= 1;
  return url.href.slice(0, end);
}

export interface ServerReply {
  readonly status: number;
  readonly text: string;
  /** What the server has done as asked, but doubts that it was meant. */
  readonly warning?: string | undefined;
  /** Seconds of `Retry-After`, when the server gave any. */
  readonly retryAfter: number | undefined;
  /** What to say of the way to the server where something failed: the proxy, or nothing. */
  readonly way: string;
}

export interface ServerRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly contentType?: string;
}

/** Sends requests to one client's part of one server. */
export class ServerConnection {
  readonly url: string;
  readonly client: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ url, client, token }: ConnectionOptions) {
    this.url = url;
    this.client = client;
    if (isOfThisMachine(url)) ignoreProxies();
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** What to say of the way to the server where something failed. */
  get way(): string {
    return wayTo(this.url);
  }

  /**
   * Sends one request and reads the whole reply.
   *
   * @param path from the root of the server, encoded
   * @throws ClientFailure `unreachable` when there is no reply; whatever the status is, it is returned
   */
  async send(path: string, request: ServerRequest = {}): Promise<ServerReply> {
    const response = await this.open(path, request);
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      status: response.status,
      way: this.way,
      text: await this.#reached(response.text()),
      warning: response.headers.get('x-quiver-warning') ?? undefined,
      retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
    };
  }

  /** As {@link send}, for a reply that is read as it streams by. */
  async open(
    path: string,
    { method = 'GET', query = {}, body, contentType }: ServerRequest = {},
  ): Promise<Response> {
    // The query names the client where the path might be taken for another: a client not served is then refused.
    const parameters = new URLSearchParams({ client: this.client, ...query });
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      redirect: 'error',
      headers: { ...this.#headers },
    };
    if (contentType !== undefined) init.headers = { ...this.#headers, 'content-type': contentType };
    if (body !== undefined) {
      init.body =
        typeof body === 'string'
          ? body
          : (Readable.toWeb(Readable.from(body, { objectMode: false })) as ReadableStream);
      if (typeof body !== 'string') init.duplex = 'half';
    }
    return this.#reached(fetch(`${this.url}${path}?${parameters}`, init));
  }

  async #reached<T>(pending: Promise<T>): Promise<T> {
    try {
      return await pending;
    } catch (cause) {
      if (cause instanceof ClientFailure) throw cause;
      const reason = networkReason(cause);
      throw new ClientFailure(EXIT.unreachable, `cannot reach ${this.url}: ${reason}${this.way}`, {
        cause,
      });
    }
  }
}

/** What went wrong beneath a failed fetch; Node hides it in the cause, Bun says it itself. */
function networkReason(error: unknown): string {
  const { cause, code, message } = error as { cause?: unknown; code?: unknown; message?: unknown };
  if (cause !== undefined && cause !== null) return networkReason(cause);
  if (code === 'ECONNREFUSED' || code === 'ConnectionRefused') return 'connection refused';
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? error);
  return text.split('\n', 1)[0]!;
}

/** A refusal of the server as the end of the command. */
export function refusedBy({ status, text, way }: ServerReply): ClientFailure {
  return new ClientFailure(EXIT.refused, `the server refused (${status}): ${messageOf(text)}${way}`);
}

/** Behind what failed: the proxy that it went through, for it may be what failed. */
function wayTo(url: string): string {
  const proxy = proxyFor(url);
  return proxy === undefined ? '' : ` (through the proxy ${proxy.url} of ${proxy.variable})`;
}

/** What an error reply says, whichever of the server's shapes it has. */
export function messageOf(text: string): string {
  const inXml = elementOf(text, 'message');
  if (inXml !== undefined) return inXml;
  try {
    const reply = JSON.parse(text) as { message?: unknown; errors?: { message?: unknown }[] };
    const message = reply.message ?? reply.errors?.[0]?.message;
    if (typeof message === 'string') return message;
  } catch {
    // Not from Quiver, perhaps a proxy's page.
  }
  return text.slice(0, 200).replace(/\s+/g, ' ').trim() || 'no reason given';
}

/**
 * A JSON reply.
 *
 * @param member one that it must have; its absence tells that something else than Quiver has answered
 * @throws ClientFailure `refused` when it is no such reply
 */
export function parseReply<T extends object>(
  { text, way }: Pick<ServerReply, 'text' | 'way'>,
  member: keyof T & string,
): T {
  try {
    const reply: unknown = JSON.parse(text);
    if (typeof reply === 'object' && reply !== null && member in reply) return reply as T;
  } catch {
    // Said below.
  }
  throw new ClientFailure(EXIT.refused, `the reply is not one of Quiver's: ${messageOf(text)}${way}`);
}

/** The text of the first element of that name in a reply of fixed shape; undefined without one. */
export function elementOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescapeXml(text);
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  '#13': '\r',
};

/** Text of an element as it was before it was escaped. */
export function unescapeXml(text: string): string {
  return text.replace(/&(#13|\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
}
