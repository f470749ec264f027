import { type ReactNode, useRef } from 'react';
import { Button } from 'react-aria-components';
import { Link, useLocation } from 'wouter';
import { useEdges } from '../api/queries.ts';
import { useSignOut } from '../api/session.ts';
import { useFocusWhenLost } from './focus.ts';
import { Mark } from './mark.tsx';
import { AwayIsSaid, isAway, Trouble, useTrouble } from './trouble.tsx';

const PAGES = [
  ['home', 'Home'],
  ['profiles', 'Profiles'],
  ['requests', 'Requests'],
  ['batches', 'Batches'],
  ['edges', 'Edges'],
  ['implementation', 'Implementation'],
] as const;

/** The frame of every page: name, client picker, navigation, sign-out. */
export function Frame(props: { client: string; clients: readonly string[]; children: ReactNode }) {
  const { client, clients, children } = props;
  const [location, navigate] = useLocation();
  const signOut = useSignOut();
  const page = location.split('/')[2] ?? 'home';
  const trouble = useTrouble();
  // Peers are settings of the server, so asking once is enough.
  const hasPeers = (useEdges(client, false).data?.length ?? 1) > 1;
  const pages = PAGES.filter(([name]) => name !== 'edges' || hasPeers || page === 'edges');
  const content = useRef<HTMLElement>(null);
  useFocusWhenLost(content);
  const to = (code: string, name: string) => `/${encodeURIComponent(code)}/${name}`;
  return (
    <div className="frame">
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header className="top">
        <Link className="brand" href={to(client, 'home')}>
          <Mark /> Quiver
        </Link>
        <label className="client-picker">
          <span>Client</span>
          <select value={client} onChange={({ target }) => navigate(to(target.value, page))}>
            {clients.map((code) => (
              <option key={code}>{code}</option>
            ))}
          </select>
        </label>
        <Button className="button button-quiet" onPress={() => signOut.mutate()}>
          Sign out
        </Button>
      </header>
      <nav className="pages" aria-label="Pages">
        {pages.map(([name, title]) => (
          <Link key={name} href={to(client, name)} aria-current={name === page ? 'page' : undefined}>
            {title}
          </Link>
        ))}
      </nav>
      <main id="content" tabIndex={-1} ref={content}>
        <Trouble error={trouble} />
        <AwayIsSaid value={trouble !== undefined && isAway(trouble)}>{children}</AwayIsSaid>
      </main>
    </div>
  );
}
