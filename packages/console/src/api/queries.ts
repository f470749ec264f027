/**
 * The queries of the pages. Keys begin with the client, so that a change can refresh everything
 * that it affects.
 */

import {
  keepPreviousData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import type { BatchView, ClientSettings, FetchKind, IdKind, MergeList, ProfileView } from 'quiver-client';
import { profileId, QuiverClient, QuiverClientError } from 'quiver-client';
import { useIsLive } from './live-connection.ts';
import { paths } from './paths.ts';
import { quiver } from './quiver.ts';

const WHILE_IT_RUNS = 500;
const SHORTLY = 2000;
const NOW_AND_THEN = 10_000;
/** The number of profiles on a page of the list. */
const LISTED = 50;

/** The server, polled unless a live connection carries it. */
export function useServer(client: string) {
  const isLive = useIsLive();
  return useQuery({
    queryKey: [client, 'server'],
    queryFn: ({ signal }) => quiver(client).admin.server({ signal }),
    refetchInterval: isLive ? false : NOW_AND_THEN,
  });
}

/** The settings of the server; they do not change while it runs. */
export function useConfiguration(client: string, enabled: boolean) {
  return useQuery({
    queryKey: [client, 'configuration'],
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => quiver(client).admin.configuration({ signal }),
  });
}

/** The edge clusters. @param isWatched whether to show when one can no longer be reached */
export function useEdges(client: string, isWatched: boolean) {
  return useQuery({
    queryKey: [client, 'edges'],
    queryFn: ({ signal }) => quiver(client).admin.edges({ signal }),
    ...(isWatched ? { refetchInterval: NOW_AND_THEN } : { staleTime: Number.POSITIVE_INFINITY }),
  });
}

export function useBatches(client: string) {
  return useQuery({
    queryKey: [client, 'batches'],
    queryFn: ({ signal }) => quiver(client).admin.batches({ signal }),
    refetchInterval: ({ state }) => (state.data?.some(isUnderWay) ? WHILE_IT_RUNS : NOW_AND_THEN),
  });
}

/** One batch, refreshed repeatedly while it is being applied. */
export function useBatch(client: string, id: string) {
  return useQuery({
    queryKey: [client, 'batch', id],
    async queryFn({ signal }) {
      const batch = await quiver(client).admin.batch(id, { signal });
      if (batch === undefined) throw new Error(`There is no batch ${id}`);
      return batch;
    },
    refetchInterval: ({ state }) => (state.data && isUnderWay(state.data) ? WHILE_IT_RUNS : false),
  });
}

/** Whether a batch is waiting or running. */
export function isUnderWay({ state }: BatchView): boolean {
  return state === 'waiting' || state === 'running';
}

/** Failed rows, a thousand per page. */
export function useFailures(client: string, id: string, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: [client, 'failures', id],
    queryFn: ({ pageParam, signal }) => quiver(client).admin.failures(id, pageParam, { signal }),
    initialPageParam: 1,
    getNextPageParam: (page) => page.nextLine,
    enabled,
  });
}

export function useRetry(client: string, id: string) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: () => quiver(client).admin.retryBatch(id),
    onSuccess: renew,
  });
}

/**
 * Profiles page by page, most recently written first.
 *
 * @param prefix what their ids begin with; empty for all
 * @param attribute `name:value` that they must have; empty for all
 */
export function useProfileList(client: string, prefix: string, attribute: string) {
  const colon = attribute.indexOf(':');
  const wanted =
    attribute === ''
      ? undefined
      : { name: attribute.slice(0, Math.max(0, colon)), value: attribute.slice(colon + 1) };
  return useInfiniteQuery({
    queryKey: [client, 'profiles', prefix, attribute],
    async queryFn({ pageParam, signal }) {
      if (wanted?.name === '') throw new Error('An attribute is written as name:value, such as plan:gold.');
      const query = { prefix: prefix || undefined, attribute: wanted, limit: LISTED, cursor: pageParam };
      return quiver(client).admin.profilePage(query, { signal });
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 1) > 1 ? false : SHORTLY),
  });
}

/** A profile by any of its ids; null when there is none. Refreshed when others write to it. */
export function useProfile(client: string, id: string, kind: IdKind | undefined) {
  return useQuery({
    refetchInterval: SHORTLY,
    queryKey: [client, 'profile', id, kind ?? 'any'],
    enabled: id !== '',
    queryFn: async ({ signal }) => (await quiver(client).admin.profile(id, kind, { signal })) ?? null,
  });
}

export function useAttributeNames(client: string) {
  return useQuery({
    queryKey: [client, 'attributeNames'],
    queryFn: ({ signal }) => quiver(client).admin.attributeNames({ signal }),
    staleTime: 60_000,
  });
}

export function useSetAttribute(client: string, { id, kind }: ProfileView) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: ({ name, value }: { name: string; value: string }) =>
      quiver(client).admin.setAttributes(id, kind, { [name]: value }),
    onSuccess: renew,
  });
}

export function useRemoveAttribute(client: string, { id, kind }: ProfileView) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: (name: string) => quiver(client).admin.removeAttribute(id, kind, name),
    onSuccess: renew,
  });
}

export function useDeleteProfile(client: string, { id, kind }: ProfileView) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: () => quiver(client).admin.removeProfile(id, kind),
    onSuccess: renew,
  });
}

const NO_MERGES: MergeList = { merges: [], unreachable: [] };

/** The merges of a profile, newest first; none when the server records none. */
export function useMerges(client: string, { id, kind, modifiedAt }: ProfileView) {
  return useQuery({
    queryKey: [client, 'merges', kind, id, modifiedAt],
    placeholderData: keepPreviousData,
    async queryFn({ signal }) {
      try {
        return await quiver(client).admin.merges(id, kind, { signal });
      } catch (error) {
        if (error instanceof QuiverClientError && error.status === 404) return NO_MERGES;
        throw error;
      }
    },
  });
}

/** What undoing a merge would change. */
export function useUnmergePreview(client: string, merge: string) {
  return useQuery({
    // Not under the client: once the merge is undone, asking again would be refused.
    queryKey: ['unmerge', client, merge],
    gcTime: 0,
    retry: false,
    queryFn: ({ signal }) => quiver(client).admin.unmerge(merge, true, { signal }),
  });
}

export function useUnmerge(client: string) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: (merge: string) => quiver(client).admin.unmerge(merge),
    onSuccess: renew,
  });
}

/** The reply that other programs get, with the client's profile token where one is required. */
export function useFetchJson(
  client: string,
  { id, kind }: { readonly id: string; readonly kind: FetchKind },
  modifiedAt: string,
  enabled: boolean,
) {
  return useQuery({
    queryKey: [client, 'fetch', kind, id, modifiedAt],
    enabled,
    async queryFn({ signal }): Promise<unknown> {
      const { admin } = quiver(client);
      const settings = await admin.settings({ signal });
      const token = settings.enableProfileApiAuthentication
        ? (await admin.token('profile_api', { signal }))?.accessToken
        : undefined;
      // Without the console's session, like any other program.
      const other = new QuiverClient({ url: location.origin, client, ...(token !== undefined && { token }) });
      const path = other.paths.profile(profileId(kind, id));
      return JSON.parse((await other.request({ path }, { signal })).text);
    },
  });
}

export function useScripts(client: string) {
  return useQuery({
    queryKey: [client, 'scripts'],
    queryFn: ({ signal }) => quiver(client).admin.scripts({ signal }),
    refetchInterval: SHORTLY,
  });
}

export function useSettings(client: string) {
  return useQuery({
    queryKey: [client, 'settings'],
    queryFn: ({ signal }) => quiver(client).admin.settings({ signal }),
  });
}

/** Changes some settings. `warning` is the server's note about a name that looks misspelt. */
export function useChangeSettings(client: string) {
  const queries = useQueryClient();
  const change = useMutation({
    async mutationFn(changed: Readonly<Record<string, unknown>>) {
      const call = { method: 'PATCH', path: paths.settings(client), json: changed } as const;
      const reply = await quiver(client).request(call);
      return {
        settings: JSON.parse(reply.text) as ClientSettings,
        warning: reply.headers.get('x-quiver-warning') ?? undefined,
      };
    },
    onSuccess: ({ settings }) => replaceAnswer(queries, [client, 'settings'], settings),
  });
  return { ...change, warning: change.data?.warning };
}

/** The current token; null when there is none. */
export function useToken(client: string) {
  return useQuery({
    queryKey: [client, 'token'],
    queryFn: async ({ signal }) => (await quiver(client).admin.token('profile_api', { signal })) ?? null,
  });
}

export function useNewToken(client: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (expiresInSeconds: number) => quiver(client).admin.newToken('profile_api', expiresInSeconds),
    onSuccess: (token) => replaceAnswer(queries, [client, 'token'], token),
  });
}

export function useEndToken(client: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => quiver(client).admin.endToken(),
    onSuccess: () => replaceAnswer(queries, [client, 'token'], null),
  });
}

/**
 * Shows the state that the reply to a change contains. A query that was sent before the change may
 * be answered after it, with the old state, so it is cancelled.
 */
async function replaceAnswer(queries: QueryClient, queryKey: readonly string[], answer: unknown) {
  await queries.cancelQueries({ queryKey });
  queries.setQueryData(queryKey, answer);
}

/** Refreshes everything that is shown of a client. */
function useRenewal(client: string) {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: [client] });
}
