/** The calls that the server receives, as they arrive. */

import type { JournalCall, ServerView } from 'quiver-client';
import { useEffect, useState } from 'react';
import { quiver } from './quiver.ts';

/** As many as a sandbox keeps. */
const MOST = 1000;
/** Calls that arrive within this time, in milliseconds, are shown together. */
const SHOW_EVERY_MS = 100;
const TRY_AGAIN_MS = 2000;

export interface Requests {
  /** Oldest first; undefined until they are loaded. */
  readonly calls: readonly JournalCall[] | undefined;
  /** Why they cannot be loaded at the moment; the page keeps trying. */
  readonly error: Error | undefined;
  /** Clears the list on this page; the server keeps the calls. */
  clear(): void;
}

/**
 * The calls of one client or of all: those that the server has kept, then new ones as they arrive.
 *
 * @param at the path of the journal; undefined while it is not known
 */
export function useRequests(client: string, at: ServerView['requests'], ofAll: boolean): Requests {
  const [calls, setCalls] = useState<readonly JournalCall[]>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    if (!at) return;
    const end = new AbortController();
    const following = new Following(setCalls);
    setCalls(undefined);
    void follow(client, at, ofAll, end.signal, following, setError);
    return () => {
      end.abort();
      following.stop();
    };
  }, [client, at, ofAll]);
  return { calls, error, clear: () => setCalls([]) };
}

async function follow(
  client: string,
  at: NonNullable<ServerView['requests']>,
  ofAll: boolean,
  signal: AbortSignal,
  following: Following,
  setError: (error: Error | undefined) => void,
): Promise<void> {
  const { admin } = quiver(client);
  while (!signal.aborted) {
    try {
      const stream = admin.requestsFromNow(at, ofAll, { signal });
      // The stream starts before the kept calls are requested, so that none is missed in between.
      const first = stream.next();
      first.catch(() => {});
      following.add(await admin.requests(at, ofAll, { signal }));
      setError(undefined);
      for (let next = await first; !next.done; next = await stream.next()) following.add([next.value]);
    } catch (error) {
      if (signal.aborted) return;
      setError(error as Error);
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
}

type Show = (change: (shown: readonly JournalCall[] | undefined) => readonly JournalCall[]) => void;

/** Collects calls and shows them every {@link SHOW_EVERY_MS}. */
class Following {
  readonly #show: Show;
  #waiting: JournalCall[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(show: Show) {
    this.#show = show;
  }

  add(calls: readonly JournalCall[]): void {
    this.#waiting.push(...calls);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const added = this.#waiting;
      this.#waiting = [];
      this.#show((shown = []) => {
        const known = new Set(shown.map(({ id }) => id));
        return [...shown, ...added.filter(({ id }) => !known.has(id))]
          .sort((a, b) => a.id - b.id)
          .slice(-MOST);
      });
    }, SHOW_EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
