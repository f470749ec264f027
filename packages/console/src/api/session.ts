import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { QuiverClientError, type Request } from 'quiver-client';
import { quiver, rememberCsrfToken } from './quiver.ts';

export interface Session {
  readonly clients: readonly string[];
  readonly csrfToken: string;
  readonly expiresAt: string;
  /**
   * Whether the server has reported that it ended; the page stays open and asks to sign in again.
   */
  readonly hasEnded?: boolean;
}

export const SESSION_KEY = ['session'] as const;
const PATH = '/console/session';

/**
 * The session, or the last one when it has ended; null when nobody has signed in, or has signed
 * out.
 */
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
    onSuccess(session) {
      queries.setQueryData(SESSION_KEY, session);
      // Repeats the queries that were refused while nobody was signed in.
      void queries.refetchQueries({ type: 'active', predicate: ({ state }) => state.status === 'error' });
    },
  });
}

/** Records that the server has ended the session. */
export function endedSession(session: Session | null | undefined): Session | null {
  return session ? { ...session, hasEnded: true } : null;
}

/** Signs out at the server; `leave` only forgets a session that has already ended. */
export function useSignOut() {
  const queries = useQueryClient();
  const leave = () => {
    rememberCsrfToken('');
    // Not `clear`, which would leave the observers of the session without a query.
    queries.setQueryData(SESSION_KEY, null);
    queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] });
  };
  const signOut = useMutation({
    mutationFn: () => quiver('').request({ method: 'DELETE', path: PATH }),
    onSuccess: leave,
  });
  return { ...signOut, leave };
}

/** A session does not belong to a client. */
async function askSession(request: Pick<Request, 'method' | 'json'>): Promise<Session> {
  return JSON.parse((await quiver('').request({ ...request, path: PATH })).text);
}

function remembered(session: Session): Session {
  rememberCsrfToken(session.csrfToken);
  return session;
}
