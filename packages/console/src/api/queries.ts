/** What the pages ask of the server. Keys begin with the client, so that a change can renew all that it touches. */

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ApiError, call } from './call.ts';
import { paths } from './paths.ts';
import type {
  AttributeNamesReply,
  BatchesReply,
  BatchReply,
  EdgesReply,
  FailuresReply,
  FetchKind,
  IdKind,
  ProfileReply,
  ServerReply,
  SettingsReply,
  TokenReply,
  UsageReply,
} from './replies.ts';

const WHILE_IT_RUNS = 500;
const NOW_AND_THEN = 10_000;

export function useServer(client: string) {
  return useQuery({
    queryKey: [client, 'server'],
    queryFn: () => call<ServerReply>(paths.server(client)),
    refetchInterval: NOW_AND_THEN,
  });
}

export function useEdges(client: string) {
  return useQuery({
    queryKey: [client, 'edges'],
    queryFn: async () => (await call<EdgesReply>(paths.edges(client))).edges,
    refetchInterval: NOW_AND_THEN,
  });
}

/** @param from first day, `2026-11-24`, UTC; `to` is the last one */
export function useUsage(client: string, from: string, to: string) {
  return useQuery({
    queryKey: [client, 'usage', from, to],
    queryFn: () => call<UsageReply>(paths.usage(client, from, to)),
    refetchInterval: NOW_AND_THEN,
  });
}

export function useBatches(client: string) {
  return useQuery({
    queryKey: [client, 'batches'],
    queryFn: async () => (await call<BatchesReply>(paths.batches(client))).batches,
    refetchInterval: ({ state }) => (state.data?.some(isUnderWay) ? WHILE_IT_RUNS : NOW_AND_THEN),
  });
}

/** One batch, asked again and again while it is under way. */
export function useBatch(client: string, id: string) {
  return useQuery({
    queryKey: [client, 'batch', id],
    queryFn: () => call<BatchReply>(paths.batch(client, id)),
    refetchInterval: ({ state }) => (state.data && isUnderWay(state.data) ? WHILE_IT_RUNS : false),
  });
}

/** Whether a batch waits or runs. */
export function isUnderWay({ state }: BatchReply): boolean {
  return state === 'waiting' || state === 'running';
}

/** Failed rows, a thousand a page. */
export function useFailures(client: string, id: string, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: [client, 'failures', id],
    queryFn: ({ pageParam }) => call<FailuresReply>(paths.failures(client, id, pageParam)),
    initialPageParam: 1,
    getNextPageParam: (page) => page.nextLine,
    enabled,
  });
}

export function useRetry(client: string, id: string) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: () => call(paths.retry(client, id), { method: 'POST' }),
    onSuccess: renew,
  });
}

/** A profile by any of its ids; null when there is none. */
export function useProfile(client: string, id: string, kind: IdKind | undefined) {
  return useQuery({
    queryKey: [client, 'profile', id, kind ?? 'any'],
    enabled: id !== '',
    async queryFn() {
      try {
        return await call<ProfileReply>(paths.profile(client, id, kind));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

export function useAttributeNames(client: string) {
  return useQuery({
    queryKey: [client, 'attributeNames'],
    queryFn: async () =>
      (await call<AttributeNamesReply>(paths.attributeNames(client))).mboxProfileAttributes,
    staleTime: 60_000,
  });
}

export function useSetAttribute(client: string, { id, kind }: ProfileReply) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: ({ name, value }: { name: string; value: string }) =>
      call(paths.profile(client, id, kind), { method: 'PATCH', body: { attributes: { [name]: value } } }),
    onSuccess: renew,
  });
}

export function useRemoveAttribute(client: string, { id, kind }: ProfileReply) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: (name: string) => call(paths.attribute(client, id, kind, name), { method: 'DELETE' }),
    onSuccess: renew,
  });
}

export function useDeleteProfile(client: string, { id, kind }: ProfileReply) {
  const renew = useRenewal(client);
  return useMutation({
    mutationFn: () => call(paths.profile(client, id, kind), { method: 'DELETE' }),
    onSuccess: renew,
  });
}

/** The fetch as other programs get it, with the client's profile token where one is asked for. */
export function useFetchJson(
  client: string,
  { id, kind }: { readonly id: string; readonly kind: FetchKind },
  modifiedAt: string,
  enabled: boolean,
) {
  return useQuery({
    queryKey: [client, 'fetch', kind, id, modifiedAt],
    enabled,
    async queryFn() {
      const settings = await call<SettingsReply>(paths.settings(client));
      const token = settings.enableProfileApiAuthentication
        ? (await call<TokenReply>(paths.token(client))).accessToken
        : undefined;
      return call<unknown>(paths.fetch(client, id, kind), {
        ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
      });
    },
  });
}

export function useSettings(client: string) {
  return useQuery({
    queryKey: [client, 'settings'],
    queryFn: () => call<SettingsReply>(paths.settings(client)),
  });
}

export function useChangeSettings(client: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (changed: SettingsReply) =>
      call<SettingsReply>(paths.settings(client), { method: 'PATCH', body: changed }),
    onSuccess: (settings) => queries.setQueryData([client, 'settings'], settings),
  });
}

/** The present token; null when there is none. */
export function useToken(client: string) {
  return useQuery({
    queryKey: [client, 'token'],
    async queryFn() {
      try {
        return await call<TokenReply>(paths.token(client));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

export function useNewToken(client: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (expiresIn: string) => call<TokenReply>(paths.token(client, expiresIn), { method: 'POST' }),
    onSuccess: (token) => queries.setQueryData([client, 'token'], token),
  });
}

export function useEndToken(client: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => call(paths.token(client), { method: 'DELETE' }),
    onSuccess: () => queries.setQueryData([client, 'token'], null),
  });
}

/** Asks again for whatever is shown of a client. */
function useRenewal(client: string) {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: [client] });
}
