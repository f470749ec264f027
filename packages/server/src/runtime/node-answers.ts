/** Answers on their way out through `node:http`. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import type { ReadableStream as WebStream } from 'node:stream/web';
import type { Connection, OpenConnections } from './open-connections.ts';
import { type Answer, IDLE_SECONDS, MAX_BODY_BYTES } from './runtime.ts';

/** So many answers at most wait for the end of a turn of the event loop. */
const MOST_WAITING = 64;
/** What a client is told of how long an idle connection stays open; Node says it only of a time of its own, and takes one more timer for that. */
const KEEP_ALIVE = `timeout=${IDLE_SECONDS}`;
/** How long the rest of a body may take that nobody wants, in milliseconds. */
const DRAIN_MS = 500;

const RAW = Symbol('raw headers');
interface KeptHeaders extends Readonly<Record<string, string>> {
  readonly [RAW]?: readonly string[];
}

/** Headers that many answers share, with the list that Node wants of them beside them. */
export function keptHeaders(headers: Readonly<Record<string, string>>): KeptHeaders {
  return Object.defineProperty({ ...headers }, RAW, { value: rawOf(headers) });
}

/** One request and where its answer goes. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly connection: Connection;
}

/**
 * Sends answers, those of one turn of the event loop one after the other at its end.
 *
 * Sent one by one as they are made, each wakes the reader at the other end of it, who sleeps again before the next is there: on one machine
 * that took a seventh of the time of a fetch.
 */
export class Answers {
  readonly #connections: OpenConnections;
  #waiting: { readonly exchange: Exchange; readonly answer: Answer }[] = [];

  constructor(connections: OpenConnections) {
    this.#connections = connections;
  }

  send(exchange: Exchange, answer: Answer): void {
    const count = this.#waiting.push({ exchange, answer });
    if (count === 1) setImmediate(() => this.#sendAll());
    else if (count === MOST_WAITING) this.#sendAll();
  }

  #sendAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { exchange, answer } of waiting) {
      try {
        write(exchange, answer);
      } catch (error) {
        // One answer that cannot be sent must not hold up the others, and must not be lost sight of.
        exchange.outgoing.destroy();
        void Promise.reject(error);
      }
      this.#connections.left(exchange.connection, exchange.outgoing);
    }
  }
}

function write({ incoming, outgoing }: Exchange, { status, headers, body }: Answer): void {
  if (!incoming.complete) outgoing.once('finish', () => drain(incoming));
  const raw = [...((headers as KeptHeaders)[RAW] ?? rawOf(headers as KeptHeaders))];
  const hasLength = body !== null && !(body instanceof ReadableStream);
  // Without a length an old client knows the end by the end of the connection.
  const isKept = outgoing.shouldKeepAlive && (hasLength || outgoing.useChunkedEncodingByDefault);
  if (isKept && !('connection' in headers)) raw.push('Keep-Alive', KEEP_ALIVE);
  if (hasLength) {
    writeWhole(outgoing, status, raw, body);
  } else if (body === null) {
    outgoing.writeHead(status, raw).end();
  } else {
    outgoing.writeHead(status, raw).flushHeaders();
    // What goes wrong on the way cuts the connection: the status has been sent.
    pipeline(Readable.fromWeb(body as WebStream), outgoing, () => {});
  }
}

/** Sends head and body in one piece. `end(body)` would make two of it, which costs a microsecond more. */
function writeWhole(
  outgoing: ServerResponse,
  status: number,
  raw: string[],
  body: string | Uint8Array,
): void {
  const length = Buffer.byteLength(body);
  raw.push('Content-Length', String(length));
  // None as long as an earlier request of the connection waits for its answer.
  const { socket } = outgoing;
  socket?.cork();
  // Where each character is a byte, the text is ASCII and the same in Latin-1, which is written sooner.
  outgoing.writeHead(status, raw).write(body, length === body.length ? 'latin1' : 'utf8');
  socket?.uncork();
  outgoing.end();
}

function rawOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flat();
}

/** Takes in what is left of a body whose answer is out, so that the connection can be used again; closes it where that takes too long. */
function drain(incoming: IncomingMessage): void {
  if (incoming.readableEnded || incoming.destroyed) return;
  incoming.resume();
  if (incoming.complete) return;
  let bytes = 0;
  const close = () => incoming.socket.destroySoon();
  const timer = setTimeout(close, DRAIN_MS);
  for (const event of ['end', 'error', 'close']) incoming.once(event, () => clearTimeout(timer));
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) close();
  });
}
