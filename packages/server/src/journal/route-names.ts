/**
 * The names of routes in a journal: metered routes have the names of the usage, the others are
 * named by what they do.
 */

import type { Route } from '../wire/route.ts';
import type { RouteName } from './journal-call.ts';

export const ROUTE_NAMES = [
  'visit',
  'fetch',
  'update',
  'remove',
  'batch',
  'batchStatus',
  'token',
  'settings',
  'admin',
] as const satisfies readonly RouteName[];

const OF_KIND = {
  fetches: 'fetch',
  updates: 'update',
  removals: 'remove',
  batchUploads: 'batch',
  batchStatuses: 'batchStatus',
} as const;

/** The name of a route; undefined for routes that serve no client, such as `/healthz`. */
export function routeName({ scope, counts, path }: Route): RouteName | undefined {
  if (scope === 'server') return undefined;
  if (counts !== undefined && counts in OF_KIND) return OF_KIND[counts as keyof typeof OF_KIND];
  if (scope === 'client') return path === '/optout' ? undefined : 'visit';
  if (path.endsWith('/authentication/token')) return 'token';
  return path.endsWith('/settings') ? 'settings' : 'admin';
}
