/** The open connections of a server on Node, so that a drain waits for the requests in flight and for nothing else. */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Caller } from './runtime.ts';

/** One connection, and who is at its other end. */
export class Connection implements Caller {
  readonly socket: Socket;
  readonly address: string;
  readonly secure: boolean;
  /** Requests that were not answered yet. */
  inFlight = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    this.address = socket.remoteAddress ?? '';
    this.secure = 'encrypted' in socket;
  }
}

export class OpenConnections {
  readonly #open = new Map<Socket, Connection>();
  #whenDrained: (() => void) | undefined;

  add(socket: Socket): void {
    this.#open.set(socket, new Connection(socket));
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#checkDrained();
    });
  }

  /** Notes a request, which is in flight until {@link left} is called for it. */
  entered(socket: Socket): Connection {
    const connection = this.#open.get(socket) ?? new Connection(socket);
    connection.inFlight += 1;
    return connection;
  }

  /** Notes that the answer of a request was handed over, whole. */
  left(connection: Connection, outgoing: ServerResponse): void {
    // Most answers are with the system by now; to listen for the end of each would cost.
    if (outgoing.writableFinished || outgoing.closed) this.#leave(connection);
    else outgoing.once('close', () => this.#leave(connection));
  }

  #leave(connection: Connection): void {
    connection.inFlight -= 1;
    if (connection.inFlight === 0 && this.#whenDrained) connection.socket.destroySoon();
  }

  /** Closes what is idle now and the others after their answers; returns when none is left. */
  async drained(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#whenDrained = resolve;
    });
    // Node's own closeIdleConnections passes over a connection that has not sent a request yet.
    for (const [socket, { inFlight }] of this.#open) if (inFlight === 0) socket.destroySoon();
    this.#checkDrained();
    await drained;
  }

  #checkDrained(): void {
    if (this.#open.size === 0) this.#whenDrained?.();
  }
}
