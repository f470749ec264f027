import { QuiverClientError } from 'quiver-client';
import { use } from 'react';
import { Button } from 'react-aria-components';
import { AwayIsSaid, isAway } from './trouble.tsx';

/**
 * Says what went wrong and offers to retry; nothing when the page as a whole already says it, or
 * when the session has ended, which has its own dialog.
 */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  const isSaid = use(AwayIsSaid) && isAway(error);
  const isOfEndedSession = error instanceof QuiverClientError && error.status === 401;
  if (isSaid || isOfEndedSession) return null;
  return (
    <div className="note note-bad" role="alert">
      <p>{isAway(error) ? 'The server does not answer. Is it running?' : error.message}</p>
      {retry && (
        <Button className="button" onPress={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}
