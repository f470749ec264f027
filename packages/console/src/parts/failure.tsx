import { QuiverClientError } from 'quiver-client';
import { Button } from 'react-aria-components';

/** Says what went wrong, and offers to try again. */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div className="note note-bad" role="alert">
      <p>{textOf(error)}</p>
      {retry && (
        <Button className="button" onPress={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** An error in words that help a person at a page. */
function textOf(error: Error): string {
  const isAway = error instanceof QuiverClientError && error.status === 0;
  return isAway ? 'The server does not answer. Is it running? Retry when it is.' : error.message;
}
