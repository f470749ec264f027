/** What differs between Bun and Node, behind one small interface; `bun.ts` and `node.ts` are the two sides. */

import type { ChildProcess } from 'node:child_process';
import type { Service } from '../connection/service.ts';

export interface ListenOptions extends Service {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Certificate and key as PEM text; plain http without. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
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
}
