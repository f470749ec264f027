import { Redirect, Route, Switch } from 'wouter';
import { useServer } from './api/queries.ts';
import { type Session, useSession } from './api/session.ts';
import { BatchPage } from './pages/batch-page.tsx';
import { BatchesPage } from './pages/batches-page.tsx';
import { EdgesPage } from './pages/edges-page.tsx';
import { HomePage } from './pages/home-page.tsx';
import { ImplementationPage } from './pages/implementation-page.tsx';
import { NotFoundPage } from './pages/not-found-page.tsx';
import { ProfilesPage } from './pages/profiles-page.tsx';
import { RequestsPage } from './pages/requests-page.tsx';
import { SignInAgain } from './pages/sign-in-again.tsx';
import { SignInPage } from './pages/sign-in-page.tsx';
import { Failure } from './parts/failure.tsx';
import { Frame } from './parts/frame.tsx';

/** All pages of the console, or the sign-in page while nobody is signed in. */
export function App() {
  const session = useSession();
  if (session.isPending) return <p className="loading">Loading…</p>;
  if (session.isError) {
    return (
      <main className="sign-in">
        <Failure error={session.error} retry={() => void session.refetch()} />
      </main>
    );
  }
  if (session.data === null) return <SignInPage />;
  return <SignedIn {...session.data} />;
}

function SignedIn({ clients, hasEnded }: Session) {
  const home = clients[0] ?? 'demo';
  const server = useServer(home);
  if (server.isPending) return <p className="loading">Loading…</p>;
  // A sandbox creates a client when it is first named, and its users want to see its requests.
  const isSandbox = server.data?.sandbox === true;
  const first = `/${encodeURIComponent(home)}/${isSandbox ? 'requests' : 'home'}`;
  const served = server.data?.clients ?? clients;
  return (
    <Switch>
      <Route path="/">
        <Redirect to={first} replace />
      </Route>
      <Route path="/:client/*?">
        {(params) => {
          const client = decodeURIComponent(params.client);
          if (!served.includes(client) && !isSandbox) return <NotFoundPage to={first} />;
          return (
            <Frame client={client} clients={served.includes(client) ? served : [...served, client]}>
              <Pages key={client} client={client} />
              {hasEnded && <SignInAgain />}
            </Frame>
          );
        }}
      </Route>
    </Switch>
  );
}

function Pages({ client }: { client: string }) {
  return (
    <Switch>
      <Route path="/:client">
        <Redirect to={`/${encodeURIComponent(client)}/home`} replace />
      </Route>
      <Route path="/:client/home">
        <HomePage client={client} />
      </Route>
      <Route path="/:client/profiles">
        <ProfilesPage client={client} />
      </Route>
      <Route path="/:client/requests">
        <RequestsPage client={client} />
      </Route>
      <Route path="/:client/batches">
        <BatchesPage client={client} />
      </Route>
      <Route path="/:client/batches/:id">
        {({ id }) => <BatchPage client={client} id={decodeURIComponent(id)} />}
      </Route>
      <Route path="/:client/edges">
        <EdgesPage client={client} />
      </Route>
      <Route path="/:client/implementation">
        <ImplementationPage client={client} />
      </Route>
      <Route>
        <NotFoundPage to={`/${encodeURIComponent(client)}/home`} />
      </Route>
    </Switch>
  );
}
