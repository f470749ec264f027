/** What the server does now: over one connection, or polled while that is broken. */

import { type QueryClient, type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import type { JournalCall, LiveUpdate, LiveView, UsageDay } from 'quiver-client';
import { useCallback } from 'react';
import { useLiveConnection } from './live-connection.ts';
import { figuresAt, type LiveFigures } from './live-figures.ts';
import { quiver } from './quiver.ts';

const POLL_EVERY_MS = 2000;
const DAYS = 30;
/** How many refused calls are shown, and how many others. */
const LATEST = 5;

/** A member is absent until the server has sent it. */
export interface Live extends Partial<LiveView> {
  readonly figures?: LiveFigures | undefined;
}

/** The live view of a client. The query has data as soon as the server has sent anything. */
export function useLive(client: string): UseQueryResult<Live> {
  const queries = useQueryClient();
  const show = useCallback(
    async (update: LiveUpdate, isFirst: boolean) => {
      // The reply to a poll that is under way would bring an older state back.
      if (isFirst) await queries.cancelQueries({ queryKey: keyOf(client) });
      queries.setQueryData<Live>(keyOf(client), (before = {}) => merged(before, update));
      if (update.server) shareServer(queries, client, update.server);
    },
    [queries, client],
  );
  const mustPoll = useLiveConnection(client, show);
  return useQuery({
    queryKey: keyOf(client),
    enabled: mustPoll,
    refetchInterval: POLL_EVERY_MS,
    async queryFn({ signal }): Promise<Live> {
      const view = await quiver(client).admin.live({ signal });
      return merged(queries.getQueryData<Live>(keyOf(client)) ?? {}, view);
    },
  });
}

const keyOf = (client: string) => [client, 'live'] as const;

/** The server is the same for all clients; other queries show it too. */
function shareServer(queries: QueryClient, client: string, server: LiveView['server']): void {
  queries.setQueryData([client, 'server'], server);
  queries.setQueriesData({ predicate: ({ queryKey }) => queryKey[1] === 'server' }, server);
}

function merged(before: Live, { usage, requests, ...update }: LiveUpdate): Live {
  const traffic = update.traffic ?? before.traffic;
  return {
    ...before,
    ...update,
    ...(usage && { usage: mergedDays(before.usage ?? [], usage) }),
    ...(requests !== undefined && { requests: requests && mergedCalls(before.requests ?? [], requests) }),
    ...(traffic && { figures: figuresAt({ at: Date.parse(update.at), traffic }) }),
  };
}

/** The last days, the oldest first. */
function mergedDays(before: readonly UsageDay[], changed: readonly UsageDay[]): UsageDay[] {
  const days = new Map([...before, ...changed].map((one) => [one.day, one]));
  return [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1)).slice(-DAYS);
}

/** The latest refused calls and the latest others, each oldest first. */
function mergedCalls(before: readonly JournalCall[], added: readonly JournalCall[]): JournalCall[] {
  const byId = new Map([...before, ...added].map((call) => [call.id, call]));
  const calls = [...byId.values()].sort((a, b) => a.id - b.id);
  return [
    ...calls.filter(isRefused).slice(-LATEST),
    ...calls.filter((call) => !isRefused(call)).slice(-LATEST),
  ];
}

/** Whether a call was refused, or found nothing. */
export function isRefused({ status, reason }: JournalCall): boolean {
  return status >= 400 || reason !== undefined;
}
