/** The paths and queries of the requests behind the views, to link or show them. */

import { type FetchKind, type IdKind, pathsOf, profileId } from 'quiver-client';

function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const sent = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `${path}?${sent.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}

const TOKEN_SCOPE = { authorizationScope: 'profile_api' };

export const paths = {
  server: (client: string) => pathsOf(client).server,
  live: (client: string) => pathsOf(client).live,
  edges: (client: string) => pathsOf(client).edges,
  usage: (client: string, from: string, to: string) => withQuery(pathsOf(client).usage, { from, to }),
  scripts: (client: string) => pathsOf(client).scripts,
  settings: (client: string) => pathsOf(client).settings,
  token: (client: string, expiresIn: string) =>
    withQuery(pathsOf(client).token, { ...TOKEN_SCOPE, expiresIn }),
  batches: (client: string) => pathsOf(client).batches,
  upload: (client: string, version: string) => withQuery(pathsOf(client).batches, { version }),
  batch: (client: string, id: string) => pathsOf(client).batch(id),
  failures: (client: string, id: string) => pathsOf(client).failures(id),
  failuresFile: (client: string, id: string) => withQuery(pathsOf(client).failures(id), { format: 'file' }),
  profile: (client: string, id: string, kind: IdKind) =>
    withQuery(pathsOf(client).adminProfile, { id, kind }),
  /** The fetch that every other program sends. */
  fetch: (client: string, id: string, kind: FetchKind) =>
    withQuery(pathsOf(client).profile(profileId(kind, id)), { client }),
};
