/**
 * The Node side: sockets of `node:net` and `node:tls`, and workers of `node:cluster` that share the
 * port.
 */

import type { ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import { createServer, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { Connection } from '../connection/connection.ts';
import { OpenConnections } from '../connection/open-connections.ts';
import type { Transport } from '../connection/service.ts';
import type { Runtime } from './runtime.ts';

const HANDSHAKE_MS = 10_000;

export const nodeRuntime: Runtime = {
  name: 'node',
  sharesPort: true,

  async listen({ host, port, tls, ...service }) {
    const open = new OpenConnections();
    const accept = (socket: Socket) => {
      const transport = new NodeTransport(socket, tls !== undefined);
      const connection = new Connection(transport, service, open);
      transport.connection = connection;
      if (!open.add(connection)) connection.cut();
    };
    const options = { allowHalfOpen: true, noDelay: true };
    const server = tls
      ? createSecureServer({ ...options, ...tls, handshakeTimeout: HANDSHAKE_MS }, accept)
      : createServer(options, accept);
    // By default, a worker whose supervisor died exits at once, with requests in progress and the
    // store open.
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
        await open.close();
      },
    };
  },

  startWorker(role, listensAlone) {
    // Round-robin makes each connection wait for a turn of a worker that is busy with others. That
    // is the price of an even distribution; a single worker accepts connections itself and need not
    // pay it.
    cluster.schedulingPolicy = listensAlone ? cluster.SCHED_NONE : cluster.SCHED_RR;
    cluster.setupPrimary({ exec: process.argv[1]!, args: ['worker', role] });
    const child = cluster.fork().process;
    closeUntakenConnections(child);
    return child;
  },
};

/**
 * A message of `node:cluster` that gives a connection to a worker, or the worker's answer to it.
 */
interface ClusterMessage {
  readonly cmd?: string;
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

/**
 * Closes connections that were given to a worker and not taken before it ended. `node:cluster`
 * waits for such a worker's answer forever and keeps the connection open, so its client would never
 * learn that no reply is coming.
 */
function closeUntakenConnections(child: ChildProcess): void {
  const given = new Map<number, { close?(): void }>();
  const send = child.send as (...args: unknown[]) => boolean;
  child.send = (message: ClusterMessage, handle?: unknown, ...rest: unknown[]) => {
    if (message.cmd === 'NODE_CLUSTER' && message.act === 'newconn' && message.seq !== undefined && handle)
      given.set(message.seq, handle);
    return send.call(child, message, handle, ...rest);
  };
  child.on('internalMessage', ({ ack }: ClusterMessage) => void given.delete(ack ?? -1));
  child.once('exit', () => {
    for (const connection of given.values()) connection.close?.();
    given.clear();
  });
}

class NodeTransport implements Transport {
  connection!: Connection;
  readonly address: string;
  readonly secure: boolean;
  readonly #socket: Socket;

  constructor(socket: Socket, secure: boolean) {
    this.#socket = socket;
    this.address = socket.remoteAddress ?? '';
    this.secure = secure;
    socket.on('data', (chunk: Buffer<ArrayBuffer>) => this.connection.received(chunk));
    socket.on('drain', () => this.connection.drained());
    socket.on('end', () => this.connection.ended());
    // The socket closes by itself after an error.
    socket.on('error', () => {});
    socket.on('close', () => this.connection.closed());
  }

  write(data: string | Uint8Array): boolean {
    return this.#socket.write(data);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
