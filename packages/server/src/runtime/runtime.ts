/**
 * The differences between Bun and Node, behind one small interface; `bun.ts` and `node.ts`
 * implement it.
 */

import type { ChildProcess } from 'node:child_process';
import type { Service } from '../connection/service.ts';

export interface ListenOptions extends Service {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Certificate and key as PEM text; undefined for plain http. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
}

export interface Listener {
  readonly port: number;
  /**
   * Stops accepting connections, lets requests in progress finish, then closes every connection.
   */
  close(): Promise<void>;
}

export interface Runtime {
  readonly name: 'bun' | 'node';
  /**
   * Whether several processes can share a port on this system, each with its share of the
   * connections.
   */
  readonly sharesPort: boolean;
  /**
   * Starts to listen; other workers may listen on the same port. Rejects with the system's error,
   * such as `EADDRINUSE`.
   */
  listen(options: ListenOptions): Promise<Listener>;
  /**
   * Starts this program again as a worker, with the same runtime and main file, `worker` as its
   * command, and a channel for messages.
   *
   * @param role follows the command; it helps people who read the process list
   * @param listensAlone whether only one of the workers listens
   */
  startWorker(role: string, listensAlone: boolean): ChildProcess;
}
