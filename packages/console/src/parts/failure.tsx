import { use } from 'react';
import { Button } from 'react-aria-components';
import { AwayIsSaid, isAway } from './trouble.tsx';

/**
 * Says what went wrong and offers to retry; nothing when the page as a whole already says it.
 */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  const isSaid = use(AwayIsSaid) && isAway(error);
  if (isSaid) return null;
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
