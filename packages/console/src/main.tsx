import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { QuiverClientError } from 'quiver-client';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Router } from 'wouter';
import { endedSession, SESSION_KEY, type Session } from './api/session.ts';
import { App } from './app.tsx';
import './styles/tokens.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/pages.css';

/** A reply of 401 ends the session. The page stays as it is, and asks to sign in again. */
function noticeEndOfSession(error: unknown): void {
  if (error instanceof QuiverClientError && error.status === 401)
    queryClient.setQueryData<Session | null>(SESSION_KEY, endedSession);
}

const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeEndOfSession }),
  mutationCache: new MutationCache({ onError: noticeEndOfSession }),
  defaultOptions: {
    queries: {
      // What the server refuses it refuses again; only what never arrived is worth another try.
      retry: (failures, error) => !(error instanceof QuiverClientError) && failures < 2,
      staleTime: 2000,
      // Works offline from the internet: the server is what counts, not what the browser thinks of
      // the network.
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <Router base="/console">
        <App />
      </Router>
    </QueryClientProvider>
  </StrictMode>,
);
