/** The Bun side: sockets of `Bun.listen`, and workers that share the port through SO_REUSEPORT. */

import { spawn } from 'node:child_process';
import { Connection } from '../connection/connection.ts';
import { OpenConnections } from '../connection/open-connections.ts';
import type { Transport } from '../connection/service.ts';
import { ownCommand } from './own-command.ts';
import type { Runtime } from './runtime.ts';

/**
 * Linux distributes connections among all sockets that share a port. Other systems give them all to
 * one process or refuse to share.
 */
const SHARES_PORT = process.platform === 'linux';

type Socket = Bun.Socket<BunTransport> & { pause(): void; resume(): void };

export const bunRuntime: Runtime = {
  name: 'bun',
  sharesPort: SHARES_PORT,

  async listen({ host, port, tls, ...service }) {
    const open = new OpenConnections();
    const address = { hostname: host, port, reusePort: SHARES_PORT };
    const server = Bun.listen<BunTransport>({
      ...address,
      allowHalfOpen: true,
      ...(tls && { tls }),
      socket: {
        open(socket) {
          const transport = new BunTransport(socket as Socket, tls !== undefined);
          socket.data = transport;
          transport.connection = new Connection(transport, service, open);
          if (!open.add(transport.connection)) transport.connection.cut();
        },
        data: ({ data }, chunk) => data.connection.received(chunk as Buffer<ArrayBuffer>),
        drain: ({ data }) => data.sendRest(),
        end: ({ data }) => data.connection.ended(),
        close: ({ data }) => data?.connection.closed(),
        error: ({ data }) => data?.connection.cut(),
      },
    });
    return {
      port: server.port,
      async close() {
        server.stop(false);
        await open.close();
      },
    };
  },

  startWorker(role) {
    const [command, ...args] = ownCommand('worker', role);
    return spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], serialization: 'json' });
  },
};

class BunTransport implements Transport {
  connection!: Connection;
  readonly secure: boolean;
  readonly #socket: Socket;
  /** Bytes that the system has not accepted yet. */
  #rest: Buffer[] = [];
  /** Called once the system has accepted everything. */
  #then: (() => void) | undefined;

  constructor(socket: Socket, secure: boolean) {
    this.#socket = socket;
    this.secure = secure;
  }

  /** Read from the system only when needed, because most requests do not need it. */
  get address(): string {
    return this.#socket.remoteAddress;
  }

  write(data: string | Uint8Array): boolean {
    if (this.#rest.length > 0) {
      this.#rest.push(Buffer.from(data as string));
      return false;
    }
    const sent = this.#socket.write(data as string);
    // Latin-1 text may have fewer characters than bytes, so only a Buffer's length can be compared.
    if (sent === data.length && typeof data !== 'string') return true;
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (sent >= bytes || sent < 0) return true;
    this.#rest.push(Buffer.from(data as string).subarray(sent));
    return false;
  }

  /** The system accepts more data. */
  sendRest(): void {
    if (this.#rest.length === 0) return;
    while (this.#rest.length > 0) {
      const [first] = this.#rest;
      const sent = this.#socket.write(first!);
      if (sent < first!.length) {
        if (sent > 0) this.#rest[0] = first!.subarray(sent);
        return;
      }
      this.#rest.shift();
    }
    if (this.#then) this.#then();
    else this.connection.drained();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#thenDo(() => this.#socket.shutdown());
  }

  close(): void {
    this.#thenDo(() => this.#socket.end());
  }

  destroy(): void {
    this.#rest = [];
    this.#socket.end();
  }

  #thenDo(last: () => void): void {
    this.#then = last;
    if (this.#rest.length === 0) last();
  }
}
