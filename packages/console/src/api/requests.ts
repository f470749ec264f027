/** The calls that the server is sent, as they come. */

import type { JournalCall, ServerView } from 'quiver-client';
import { useEffect, useState } from 'react';
import { quiver } from './quiver.ts';

/** As many as a sandbox keeps. */
const MOST = 1000;
/** Calls that come close together are shown together. */
const SHOW_EVERY_MS = 100;
const TRY_AGAIN_MS = 2000;

export interface Requests {
  /** Oldest first; undefined until they are known. */
  readonly calls: readonly JournalCall[] | undefined;
  /** Why they are not known now; it is tried again. */
  readonly error: Error | undefined;
  /** Forgets those that are shown; the server keeps them. */
  clear(): void;
}

/**
 * The calls of a client, or of all, from the last that the server keeps on.
 *
 * @param at where they are; undefined while that is not known
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
      // It begins before those that are there are asked for: none is missed in between.
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

/** Gathers calls, and shows them every now and then. */
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
