/** What differs between Bun and Node, behind one small interface; `bun.ts` and `node.ts` are the two sides. */

import type { ChildProcess } from 'node:child_process';

/** Who is at the other end of a connection. */
export interface Caller {
  readonly address: string;
  /** Whether the connection itself is encrypted. */
  readonly secure: boolean;
}

/** What goes out, its headers as `keptHeaders` gives them or plain. */
export interface Answer {
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  readonly status: number;
  readonly headers: NonNullable<ResponseInit['headers']>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Certificate and key as PEM text; plain http without. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Answers a request; never throws. */
  readonly fetch: (request: Request, caller: Caller) => Response | Promise<Response>;
  /** The same answer before a Response is made of it. */
  readonly answer: (request: Request, caller: Caller) => Answer | Promise<Answer>;
}

export interface Listener {
  readonly port: number;
  /** Stops accepting, lets what is in flight be answered, then closes every connection. */
  close(): Promise<void>;
}

export interface Runtime {
  readonly name: 'bun' | 'node';
  /** Whether several processes can share a port here, each with its share of the connections. */
  readonly sharesPort: boolean;
  /** Listens; other workers may listen on the same port. Rejects with the system's error, `EADDRINUSE` among them. */
  listen(options: ListenOptions): Promise<Listener>;
  /**
   * Starts this program again as a worker: same runtime, same main file, `worker` as its command, a channel for messages.
   *
   * @param role follows the command, for people who look at the list of processes
   * @param listensAlone whether no more than one of the workers listens
   */
  startWorker(role: string, listensAlone: boolean): ChildProcess;
  /** Headers that many replies share, in the form from which a Response is made soonest. */
  keptHeaders(headers: Readonly<Record<string, string>>): NonNullable<ResponseInit['headers']>;
}

/** A connection on which nothing moves is closed after this many seconds. */
export const IDLE_SECONDS = 30;
/** Beyond what any route takes, so that every refusal is the application's own, in the documented shape. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** The answer to a request whose Host header or target makes no URL: no route can read it. */
export const UNREADABLE = {
  body: '{"status":400,"message":"Host: must be one host name"}',
  status: 400,
  headers: { 'content-type': 'application/json;charset=UTF-8' },
} as const satisfies Answer;

export function unreadableRequest(): Response {
  return new Response(UNREADABLE.body, UNREADABLE);
}
