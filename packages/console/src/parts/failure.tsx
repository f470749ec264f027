import { Button } from 'react-aria-components';

/** Says what went wrong, and offers to try again. */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div className="note note-bad" role="alert">
      <p>{error.message}</p>
      {retry && (
        <Button className="button" onPress={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}
