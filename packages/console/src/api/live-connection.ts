/**
 * The one connection of Home, which carries everything that the page shows.
 *
 * connecting  The stream was requested and has sent nothing yet. If it still has not after
 *             {@link LATE_MS}, because a proxy collects what is sent, the page polls meanwhile.
 * up          Updates arrive, at least one a second. The page polls nothing.
 * broken      The stream was refused, has ended or is silent. The page polls, and the stream is
 *             requested again every {@link TRY_AGAIN_MS}.
 * hidden      The tab is hidden: no stream and no polls. It connects again when it is shown.
 */

import { focusManager } from '@tanstack/react-query';
import type { LiveUpdate } from 'quiver-client';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { quiver } from './quiver.ts';

const LATE_MS = 3000;
const SILENT_MS = 10_000;
const TRY_AGAIN_MS = 3000;

/**
 * Keeps the connection while the component is shown.
 *
 * @param show called with each update, the next one after it has resolved; it must not change
 * @returns whether the page has to poll
 */
export function useLiveConnection(
  client: string,
  show: (update: LiveUpdate, isFirst: boolean) => Promise<void>,
): boolean {
  const [mustPoll, setMustPoll] = useState(false);
  useEffect(() => {
    let end: AbortController | undefined;
    const look = () => {
      if (!focusManager.isFocused()) {
        end?.abort();
        end = undefined;
        setMustPoll(false);
      } else if (!end) {
        end = new AbortController();
        void keepConnected(client, end.signal, show, setMustPoll);
      }
    };
    look();
    const unsubscribe = focusManager.subscribe(look);
    return () => {
      unsubscribe();
      end?.abort();
    };
  }, [client, show]);
  return mustPoll;
}

async function keepConnected(
  client: string,
  signal: AbortSignal,
  show: (update: LiveUpdate, isFirst: boolean) => Promise<void>,
  setMustPoll: (mustPoll: boolean) => void,
): Promise<void> {
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener('abort', stop, { once: true });
    let silent = setTimeout(stop, SILENT_MS);
    const late = setTimeout(() => setMustPoll(true), LATE_MS);
    let isFirst = true;
    try {
      for await (const update of quiver(client).admin.liveUpdates({ signal: attempt.signal })) {
        clearTimeout(late);
        clearTimeout(silent);
        silent = setTimeout(stop, SILENT_MS);
        if (isFirst) setMustPoll(false);
        setUp(attempt, true);
        await show(update, isFirst);
        isFirst = false;
      }
    } catch {
      // The poll that follows says what is wrong.
    } finally {
      clearTimeout(late);
      clearTimeout(silent);
      signal.removeEventListener('abort', stop);
      setUp(attempt, false);
    }
    if (signal.aborted) return;
    setMustPoll(true);
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
}

/** The attempts whose updates arrive. */
const up = new Set<AbortController>();
const listeners = new Set<() => void>();

function setUp(attempt: AbortController, isUp: boolean): void {
  if (up.has(attempt) === isUp) return;
  if (isUp) up.add(attempt);
  else up.delete(attempt);
  for (const listener of listeners) listener();
}

/** Whether a connection is up, so that what it carries need not be polled. */
export function useIsLive(): boolean {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => up.size > 0,
  );
}
