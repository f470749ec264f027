import { type Query, useQueryClient } from '@tanstack/react-query';
import { QuiverClientError } from 'quiver-client';
import { createContext, useCallback, useSyncExternalStore } from 'react';
import { Button } from 'react-aria-components';

/**
 * Whether one banner already says that the server does not answer, so that no part of a page
 * repeats it.
 */
export const AwayIsSaid = createContext(false);

/** Whether a request got no reply at all. */
export function isAway(error: unknown): boolean {
  return error instanceof QuiverClientError && error.status === 0;
}

/**
 * A problem of the whole page: the server does not answer, or something that is shown could not be
 * refreshed and may be out of date. Undefined when there is none.
 */
export function useTrouble(): Error | undefined {
  const cache = useQueryClient().getQueryCache();
  const subscribe = useCallback((changed: () => void) => cache.subscribe(changed), [cache]);
  return useSyncExternalStore(subscribe, () => {
    const failed = cache.findAll({ type: 'active', predicate: ({ state }) => state.status === 'error' });
    const query = failed.find(isOfNoReply) ?? failed.find(isOutOfDate);
    return query?.state.error ?? undefined;
  });
}

function isOfNoReply({ state }: Query): boolean {
  return isAway(state.error);
}

/** Whether an earlier reply is still shown. The end of a session has its own dialog. */
function isOutOfDate({ state }: Query): boolean {
  const isUnauthorized = state.error instanceof QuiverClientError && state.error.status === 401;
  return state.data !== undefined && !isUnauthorized;
}

/** One message for the whole page instead of one in each part. */
export function Trouble({ error }: { error: Error | undefined }) {
  const queries = useQueryClient();
  if (error === undefined) return null;
  return (
    <div className="note note-bad trouble" role="alert">
      <p>
        {isAway(error)
          ? 'The server does not answer. What is shown may be out of date.'
          : `This page could not be refreshed and may be out of date: ${error.message}`}
      </p>
      <Button className="button" onPress={() => void queries.refetchQueries({ type: 'active' })}>
        Try again
      </Button>
    </div>
  );
}
