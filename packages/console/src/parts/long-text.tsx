import { useState } from 'react';

/** About two lines of a table. */
const SHORT = 140;

/**
 * A text that is shortened when it is long, with a button that shows all of it.
 *
 * @param of what the text belongs to, for screen readers
 */
export function LongText({ of, text }: { of: string; text: string }) {
  const [isWhole, setWhole] = useState(false);
  if (text.length <= SHORT) return text;
  return (
    <>
      {isWhole ? text : `${text.slice(0, SHORT)}…`}{' '}
      <button
        type="button"
        className="link"
        aria-expanded={isWhole}
        aria-label={`${isWhole ? 'Show less' : 'Show all'} of ${of}`}
        onClick={() => setWhole(!isWhole)}
      >
        {isWhole ? 'Show less' : 'Show all'}
      </button>
    </>
  );
}
