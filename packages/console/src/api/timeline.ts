/** The changes of one profile that have been read so far, and what wrote its attributes. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type AttributeView, type ProfileView, QuiverClientError, type Timeline } from 'quiver-client';
import { useEffect } from 'react';
import { quiver } from './quiver.ts';

/** The number of changes that one call returns. */
const CHANGES = 100;
/** How often to ask again while the feed does not have a fresh write yet, in milliseconds. */
const WHILE_BEHIND = 2000;
/** How long a change may be missing from the feed, in milliseconds; later it is not expected. */
const BEHIND_AT_MOST = 60_000;
/** Changes after which older changes may belong to the profile that did not before. */
const CHANGES_OF_IDS: readonly string[] = ['linked', 'merged', 'moved'];

const keyOf = (client: string, { id, kind }: ProfileView) => [client, 'timeline', kind, id];

/** Newest first, refreshed with the profile; null when the server keeps no change feed. */
export function useTimeline(client: string, profile: ProfileView) {
  const { id, kind, modifiedAt } = profile;
  const queryKey = keyOf(client, profile);
  const queries = useQueryClient();
  const timeline = useQuery({
    queryKey,
    async queryFn({ signal }) {
      const known = queries.getQueryData<Timeline | null>(queryKey);
      try {
        const wanted = { limit: CHANGES };
        return withKnown(await quiver(client).admin.timeline(id, kind, wanted, { signal }), known);
      } catch (error) {
        if (error instanceof QuiverClientError && error.status === 404) return null;
        throw error;
      }
    },
    refetchInterval: ({ state }) => (state.data && isBehind(state.data, modifiedAt) ? WHILE_BEHIND : false),
  });
  const { refetch } = timeline;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a write by others is read as well
  useEffect(() => void refetch(), [modifiedAt]);
  return timeline;
}

/** Reads on where the timeline ends so far. */
export function useEarlierChanges(client: string, profile: ProfileView) {
  const queries = useQueryClient();
  const key = keyOf(client, profile);
  return useMutation({
    async mutationFn(known: Timeline) {
      const wanted = { limit: CHANGES, before: known.next };
      const page = await quiver(client).admin.timeline(profile.id, profile.kind, wanted);
      queries.setQueryData<Timeline | null>(key, (now) =>
        // It may have been read anew in the meantime.
        now?.next === known.next ? { ...page, changes: [...now!.changes, ...page.changes] } : now,
      );
    },
  });
}

function withKnown(page: Timeline, known: Timeline | null | undefined): Timeline {
  if (!known) return page;
  const added = page.changes.findIndex(({ cursor }) => cursor === known.changes[0]?.cursor);
  const fresh = page.changes.slice(0, Math.max(0, added));
  if (page.changes.length === 0 && known.changes.length === 0) return known;
  if (added === -1 || fresh.some(({ type }) => CHANGES_OF_IDS.includes(type))) return page;
  return { ...known, changes: [...fresh, ...known.changes] };
}

/** A cluster collects its changes a moment after the write. */
function isBehind({ changes: [newest] }: Timeline, modifiedAt: string): boolean {
  const isMissing = newest === undefined || newest.at < modifiedAt;
  return isMissing && Date.now() - Date.parse(modifiedAt) < BEHIND_AT_MOST;
}

/** How an attribute can have been written, in words. */
const ORIGINS: Readonly<Record<string, string>> = {
  visit: 'visit',
  update: 'update',
  batch: 'batch row',
  console: 'console',
  script: 'script',
  edge: 'import or edge cluster',
};
/** Only profile scripts set attributes whose names begin so. */
const OF_SCRIPTS = 'user.';

/**
 * What wrote an attribute last; undefined when the changes do not tell.
 *
 * The change has the time of the attribute. Of two merged profiles the value that stayed need not
 * be the one that was written last. What an import or another edge cluster brought has older times.
 */
export function originOf(
  { name, modifiedAt }: AttributeView,
  { changes }: Pick<Timeline, 'changes'>,
): string | undefined {
  const naming = changes.filter(
    ({ type, attributes }) => (type === 'created' || type === 'updated') && attributes?.includes(name),
  );
  const own = naming.find(({ at }) => at === modifiedAt) ?? naming.find(({ channel }) => channel === 'edge');
  if (own?.channel === 'visit' && name.startsWith(OF_SCRIPTS)) return ORIGINS.script;
  return own && (ORIGINS[own.channel] ?? own.channel);
}

/** The channel of a change in words. */
export function channelName(channel: string): string {
  return ORIGINS[channel] ?? channel;
}
