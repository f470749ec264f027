/** Bun's side: `Bun.serve`, and workers that share the port through SO_REUSEPORT. */

import { spawn } from 'node:child_process';
import { ownCommand } from './own-command.ts';
import { type Caller, IDLE_SECONDS, MAX_BODY_BYTES, type Runtime, unreadableRequest } from './runtime.ts';

const SLASH = 47;
/** Linux deals connections out to all that share a port; elsewhere one process would get them all, or none could share. */
const SHARES_PORT = process.platform === 'linux';

export const bunRuntime: Runtime = {
  name: 'bun',
  sharesPort: SHARES_PORT,

  keptHeaders: (headers) => new Headers(headers),

  async listen({ host, port, tls, fetch }) {
    const secure = tls !== undefined;
    const server = Bun.serve({
      hostname: host,
      port,
      reusePort: SHARES_PORT,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: MAX_BODY_BYTES,
      ...(tls && { tls }),
      fetch(request, own) {
        const caller = new BunCaller(request, own, secure);
        if (request.url.charCodeAt(0) !== SLASH) return fetch(request, caller);
        // Bun leaves the host out of the URL when the Host header is no host name, or missing as HTTP/1.0 allows.
        if (request.headers.has('host')) return unreadableRequest();
        return fetch(new Request(`http://localhost${request.url}`, request), caller);
      },
    });
    return {
      port: server.port ?? port,
      async close() {
        // Without force it stops accepting and returns when the last answer is out; idle connections are then cut.
        await server.stop(false);
        await server.stop(true);
      },
    };
  },

  startWorker(role) {
    const [command, ...args] = ownCommand('worker', role);
    return spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], serialization: 'json' });
  },
};

/** Asks for the address only when somebody wants it: most requests need none, and it costs. */
class BunCaller implements Caller {
  readonly secure: boolean;
  readonly #request: Request;
  readonly #server: Bun.Server<undefined>;

  constructor(request: Request, server: Bun.Server<undefined>, secure: boolean) {
    this.#request = request;
    this.#server = server;
    this.secure = secure;
  }

  get address(): string {
    return this.#server.requestIP(this.#request)?.address ?? '';
  }
}
