import { useEffect, useRef } from 'react';
import { Button } from 'react-aria-components';
import { count } from './format.ts';

/** Buttons to page through a long table; nothing when one page has all its rows. */
export function Pager(props: {
  /** The page that is shown, from 0. */
  page: number;
  pageRows: number;
  rows: number;
  open: (page: number) => void;
}) {
  const { page, pageRows, rows, open } = props;
  const first = page * pageRows + 1;
  const last = Math.min(rows, first + pageRows - 1);
  const isLast = last === rows;
  const previous = useRef<HTMLButtonElement>(null);
  const next = useRef<HTMLButtonElement>(null);
  const isTurning = useRef(false);
  const turn = (to: number) => {
    isTurning.current = true;
    open(to);
  };
  useEffect(() => {
    // The button that was pressed cannot keep the focus once it is disabled.
    if (isTurning.current && page === 0) next.current?.focus();
    else if (isTurning.current && isLast) previous.current?.focus();
    isTurning.current = false;
  }, [page, isLast]);
  if (rows <= pageRows) return null;
  return (
    <nav className="pager" aria-label="Pages of the table">
      <Button ref={previous} className="button" isDisabled={page === 0} onPress={() => turn(page - 1)}>
        Previous
      </Button>
      <span aria-live="polite">
        {count(first)} to {count(last)} of {count(rows)}
      </span>
      <Button ref={next} className="button" isDisabled={isLast} onPress={() => turn(page + 1)}>
        Next
      </Button>
    </nav>
  );
}
