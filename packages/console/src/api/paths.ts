/** Where the server has what: every path of the console stands here. */

import type { FetchKind, IdKind } from './replies.ts';

const part = encodeURIComponent;

function admin(
  client: string,
  rest: string,
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const sent = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const text = sent.map(([name, value]) => `${name}=${part(value)}`).join('&');
  return `/${part(client)}/target/${rest}${text && `?${text}`}`;
}

export const paths = {
  server: (client: string) => admin(client, 'server'),
  edges: (client: string) => admin(client, 'edges'),
  usage: (client: string, from: string, to: string) => admin(client, 'usage', { from, to }),
  attributeNames: (client: string) => admin(client, 'profileattributes/mbox'),
  settings: (client: string) => admin(client, 'clients/settings'),
  token: (client: string, expiresIn?: string) =>
    admin(client, 'authentication/token', { authorizationScope: 'profile_api', expiresIn }),
  batches: (client: string) => admin(client, 'batches'),
  upload: (client: string, version: string) => admin(client, 'batches', { version }),
  batch: (client: string, id: string) => admin(client, `batches/${part(id)}`),
  failures: (client: string, id: string, fromLine?: number) =>
    admin(client, `batches/${part(id)}/failures`, { fromLine: fromLine?.toString() }),
  failuresFile: (client: string, id: string) =>
    admin(client, `batches/${part(id)}/failures`, { format: 'file' }),
  retry: (client: string, id: string) => admin(client, `batches/${part(id)}/retry`),
  profile: (client: string, id: string, kind?: IdKind) => admin(client, 'profiles', { id, kind }),
  attribute: (client: string, id: string, kind: IdKind, name: string) =>
    admin(client, 'profiles/attributes', { id, kind, name }),
  /** The fetch, as every other program asks it. */
  fetch: (client: string, id: string, kind: FetchKind) =>
    `/rest/v1/profiles/${kind === 'tntId' ? '' : `${kind}/`}${part(id)}?client=${part(client)}`,
};
