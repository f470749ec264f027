/** Node's side: `node:http` behind Hono's adapter, and workers of `node:cluster` that share the port. */

import cluster from 'node:cluster';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { type Caller, IDLE_SECONDS, type Runtime } from './runtime.ts';

const IDLE = IDLE_SECONDS * 1000;
/** Node holds a connection with slow headers for over a minute, one with a slow body for ever; these are its limits here. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 300_000;
const TIMEOUT_CHECK = 2_000;

export const nodeRuntime: Runtime = {
  name: 'node',

  async listen({ host, port, tls, fetch }) {
    const answer = getRequestListener(
      (request, env) => {
        const { incoming } = env as HttpBindings;
        return fetch(hostsOf(incoming) > 1 ? withBothHosts(request, incoming) : request, callerOf(incoming));
      },
      // HTTP/1.0 may come without a Host; the default client is then meant.
      { hostname: 'localhost', overrideGlobalObjects: false },
    );
    const options = {
      connectionsCheckingInterval: TIMEOUT_CHECK,
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: IDLE,
    };
    const listener = (incoming: IncomingMessage, outgoing: Parameters<typeof answer>[1]) => {
      incoming.url = originForm(incoming.url ?? '/');
      void answer(incoming, outgoing);
    };
    const server = tls
      ? createSecureServer({ ...options, ...tls }, listener)
      : createServer(options, listener);
    server.timeout = IDLE;
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
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeIdleConnections();
        await closed;
      },
    };
  },

  startWorker() {
    cluster.setupPrimary({ exec: process.argv[1]!, args: ['worker'] });
    return cluster.fork().process;
  },
};

function callerOf(incoming: IncomingMessage): Caller {
  return { address: incoming.socket.remoteAddress ?? '', secure: 'encrypted' in incoming.socket };
}

/** A target in absolute form names a host of its own, which must not count; only its path and query go on (RFC 9112 section 3.2.2). */
function originForm(target: string): string {
  const path = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(target)?.[1];
  if (path === undefined) return target;
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
