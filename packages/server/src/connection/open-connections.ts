/** The open connections of a listener: their clock, their number, and closing them. */

/** What the listener needs of a connection to close it. */
export interface OpenConnection {
  readonly isIdle: boolean;
  /** Closes the connection if it is idle. */
  closeIdle(): void;
  /** Closes the connection at once, whatever is in progress. */
  cut(): void;
  /** Checks the deadlines. @param second seconds since the start of the listener */
  tick(second: number): void;
}

import { DRAIN_SECONDS, MAX_CONNECTIONS } from './limits.ts';

export class OpenConnections {
  /** Seconds since the start. */
  second = 0;
  /** The line of the Date header. */
  date = dateLine();
  /** Set once the listener closes; no connection then answers another request. */
  isClosing = false;
  readonly #all = new Set<OpenConnection>();
  readonly #clock: NodeJS.Timeout;
  #whenEmpty: (() => void) | undefined;

  constructor() {
    this.#clock = setInterval(() => this.#tick(), 1000).unref();
  }

  /**
   * Adds a connection. When there are too many, the idle connection that has been open longest is
   * closed to make room.
   *
   * @returns whether there is room; if not, the caller closes the new connection
   */
  add(connection: OpenConnection): boolean {
    if (this.#all.size >= MAX_CONNECTIONS) {
      for (const other of this.#all) {
        if (!other.isIdle) continue;
        other.closeIdle();
        this.#all.delete(other);
        break;
      }
      if (this.#all.size >= MAX_CONNECTIONS) return false;
    }
    this.#all.add(connection);
    return true;
  }

  remove(connection: OpenConnection): void {
    this.#all.delete(connection);
    if (this.#all.size === 0) this.#whenEmpty?.();
  }

  /** Closes idle connections now and the others after their answers; resolves when none is left. */
  async close(): Promise<void> {
    this.isClosing = true;
    for (const connection of this.#all) connection.closeIdle();
    const late = setTimeout(() => {
      for (const connection of this.#all) connection.cut();
    }, DRAIN_SECONDS * 1000);
    if (this.#all.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenEmpty = resolve;
      });
    }
    clearTimeout(late);
    clearInterval(this.#clock);
  }

  #tick(): void {
    this.second += 1;
    this.date = dateLine();
    for (const connection of this.#all) connection.tick(this.second);
  }
}

function dateLine(): string {
  return `Date: ${new Date().toUTCString()}\r\n`;
}
