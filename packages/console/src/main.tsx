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

/** A 401 reply ends the session. The page stays as it is and asks to sign in again. */
function noticeEndOfSession(error: unknown): void {
  if (error instanceof QuiverClientError && error.status === 401)
    queryClient.setQueryData<Session | null>(SESSION_KEY, endedSession);
}

const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeEndOfSession }),
  mutationCache: new MutationCache({ onError: noticeEndOfSession }),
  defaultOptions: {
    queries: {
      // The server would refuse again what it has refused; only lost requests are retried.
      retry: (failures, error) => !(error instanceof QuiverClientError) && failures < 2,
      staleTime: 2000,
      // Queries are sent even when the browser considers itself offline, because the server may be
      // on this machine.
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
