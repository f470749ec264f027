/** The open connections of a listener: their clock, their number, and how they end. */

/** A connection, as far as its end is concerned. */
export interface OpenConnection {
  readonly isIdle: boolean;
  /** Closes it if it is idle. */
  closeIdle(): void;
  /** Closes it, whatever is in flight. */
  cut(): void;
  /** Looks at the time, in seconds since the start of the listener. */
  tick(second: number): void;
}

import { DRAIN_SECONDS, MAX_CONNECTIONS } from './limits.ts';

export class OpenConnections {
  /** Seconds since the start. */
  second = 0;
  /** The line of the Date header. */
  date = dateLine();
  /** No connection gets another request answered. */
  isClosing = false;
  readonly #all = new Set<OpenConnection>();
  readonly #clock: NodeJS.Timeout;
  #whenEmpty: (() => void) | undefined;

  constructor() {
    this.#clock = setInterval(() => this.#tick(), 1000).unref();
  }

  /**
   * Adds a connection. Where there are too many, the one that has been open longest of the idle ones
   * is closed for it.
   *
   * @returns whether there is room; if not, the caller closes it
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

  /** Closes what is idle now, and the others after their answers; returns when none is left. */
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
