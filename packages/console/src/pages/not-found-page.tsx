import { Link } from 'wouter';
import { PageHead } from '../parts/page.tsx';

export function NotFoundPage({ to }: { to: string }) {
  return (
    <div className="lost">
      <PageHead
        title="Nothing here"
        intro="This link leads to no page, or to a client that this server does not serve."
      />
      <Link className="button button-solid" href={to}>
        Go home
      </Link>
    </div>
  );
}
