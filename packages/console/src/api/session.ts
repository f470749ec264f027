import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { QuiverClientError, type Request } from 'quiver-client';
import { quiver, rememberCsrfToken } from './quiver.ts';

export interface Session {
  readonly clients: readonly string[];
  readonly csrfToken: string;
  readonly expiresAt: string;
}

export const SESSION_KEY = ['session'] as const;
const PATH = '/console/session';

/** The session; null when nobody is signed in. */
export function useSession(): UseQueryResult<Session | null> {
  return useQuery({
    queryKey: SESSION_KEY,
    staleTime: 60_000,
    async queryFn() {
      try {
        return remembered(await askSession({}));
      } catch (error) {
        if (error instanceof QuiverClientError && error.status === 401) return null;
        throw error;
      }
    },
  });
}

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (token: string) => remembered(await askSession({ method: 'POST', json: { token } })),
    onSuccess: (session) => queries.setQueryData(SESSION_KEY, session),
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => quiver('').request({ method: 'DELETE', path: PATH }),
    onSuccess() {
      rememberCsrfToken('');
      // Not `clear`: those who watch the session would watch one that is gone.
      queries.setQueryData(SESSION_KEY, null);
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] });
    },
  });
}

/** A session is of no client. */
async function askSession(request: Pick<Request, 'method' | 'json'>): Promise<Session> {
  return JSON.parse((await quiver('').request({ ...request, path: PATH })).text);
}

function remembered(session: Session): Session {
  rememberCsrfToken(session.csrfToken);
  return session;
}
