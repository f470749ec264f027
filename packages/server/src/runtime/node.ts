/** Node's side: `node:http` behind Hono's adapter, and workers of `node:cluster` that share the port. */

import cluster from 'node:cluster';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { type Caller, IDLE_SECONDS, type Runtime, unreadableRequest } from './runtime.ts';

const IDLE = IDLE_SECONDS * 1000;
/** Node holds a connection with slow headers for over a minute, one with a slow body for ever; these are its limits here. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 300_000;
const TIMEOUT_CHECK = 2_000;

export const nodeRuntime: Runtime = {
  name: 'node',

  // The adapter hands a plain object to Node as it is.
  keptHeaders: (headers) => headers,

  async listen({ host, port, tls, fetch }) {
    const answer = getRequestListener(
      (request, env) => {
        const { incoming } = env as HttpBindings;
        return fetch(hostsOf(incoming) > 1 ? withBothHosts(request, incoming) : request, callerOf(incoming));
      },
      // HTTP/1.0 may come without a Host; the default client is then meant.
      { hostname: 'localhost', errorHandler: unreadableRequest },
    );
    const options = {
      connectionsCheckingInterval: TIMEOUT_CHECK,
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: IDLE,
    };
    const connections = new OpenConnections();
    const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
      connections.enter(incoming.socket, outgoing);
      if (incoming.httpVersionMajor !== 1) {
        refuseVersion(incoming, outgoing);
        return;
      }
      incoming.url = originForm(incoming.url ?? '/');
      void answer(incoming, outgoing);
    };
    const server = tls
      ? createSecureServer({ ...options, ...tls }, listener)
      : createServer(options, listener);
    server.timeout = IDLE;
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => connections.add(socket));
    // Left to itself a worker whose supervisor died exits at once, with requests in flight and the store open.
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const address = server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : port,
      async close() {
        server.close();
        await connections.drained();
      },
    };
  },

  startWorker(role) {
    cluster.setupPrimary({ exec: process.argv[1]!, args: ['worker', role] });
    return cluster.fork().process;
  },
};

function callerOf(incoming: IncomingMessage): Caller {
  return { address: incoming.socket.remoteAddress ?? '', secure: 'encrypted' in incoming.socket };
}

/** Node's parser takes HTTP/0.9 and 2.0 for a request of version 1; what else it then takes for what is anybody's guess. */
function refuseVersion(incoming: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.writeHead(505, { connection: 'close' }).end();
  incoming.resume();
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

/** Node shows the first of two Host headers as if it were the only one. */
function hostsOf({ rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}

/** The request with its Host headers joined, as Bun and proxies show them, so that the application refuses it in its own words. */
function withBothHosts(request: Request, { rawHeaders }: IncomingMessage): Request {
  const hosts = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === 'host');
  return new Request(request.url, { method: request.method, headers: { host: hosts.join(', ') } });
}

/** The open connections and the requests in flight on each, so that a drain waits for those and for nothing else. */
class OpenConnections {
  readonly #inFlight = new Map<Socket, number>();
  #whenDrained: (() => void) | undefined;

  add(socket: Socket): void {
    this.#inFlight.set(socket, 0);
    socket.once('close', () => {
      this.#inFlight.delete(socket);
      this.#checkDrained();
    });
  }

  enter(socket: Socket, outgoing: ServerResponse): void {
    this.#inFlight.set(socket, (this.#inFlight.get(socket) ?? 0) + 1);
    outgoing.once('close', () => {
      const left = (this.#inFlight.get(socket) ?? 1) - 1;
      if (this.#inFlight.has(socket)) this.#inFlight.set(socket, left);
      if (left === 0 && this.#whenDrained) socket.destroySoon();
    });
  }

  /** Closes what is idle now and the others after their answers; returns when none is left. */
  async drained(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#whenDrained = resolve;
    });
    // Node's own closeIdleConnections passes over a connection that has not sent a request yet.
    for (const [socket, count] of this.#inFlight) if (count === 0) socket.destroySoon();
    this.#checkDrained();
    await drained;
  }

  #checkDrained(): void {
    if (this.#inFlight.size === 0) this.#whenDrained?.();
  }
}
