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
  if (rows <= pageRows) return null;
  const first = page * pageRows + 1;
  const last = Math.min(rows, first + pageRows - 1);
  return (
    <nav className="pager" aria-label="Pages of the table">
      <Button className="button" isDisabled={page === 0} onPress={() => open(page - 1)}>
        Previous
      </Button>
      <span aria-live="polite">
        {count(first)} to {count(last)} of {count(rows)}
      </span>
      <Button className="button" isDisabled={last === rows} onPress={() => open(page + 1)}>
        Next
      </Button>
    </nav>
  );
}
