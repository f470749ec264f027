/**
 * Where profiles are kept, and how `--store` names it (contract section 11). A new engine gets its
 * name here.
 */

import * as z from 'zod';

/** The engines. */
export const STORE_KINDS = ['lmdb', 'redis'] as const;

/** The help of `--store`. */
export const STORE_HELP =
  'lmdb, embedded in the data folder, or redis://h1:p1,h2:p2,… (rediss://): nodes of a cluster';

/** Where profiles are kept. */
export type StoreLocation =
  /** Embedded, in `dataDir`. */
  | { readonly kind: 'lmdb' }
  /** In a Redis or Valkey Cluster. May hold a password, so never log it whole. */
  | RedisLocation;

export interface RedisLocation {
  readonly kind: 'redis';
  /** Some nodes of the cluster; the client discovers the others from them. */
  readonly seeds: readonly { readonly host: string; readonly port: number }[];
  readonly isEncrypted: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/**
 * `redis://user:password@h1:p1,h2:p2`; user and password percent-encoded, an IPv6 address in
 * brackets.
 */
function redisLocation(text: string): RedisLocation | undefined {
  const [, tls, login, nodes] = /^redis(s?):\/\/(?:([^@/]*)@)?([^@/]+)\/?$/.exec(text) ?? [];
  if (nodes === undefined) return undefined;
  const seeds = nodes.split(',').map((node) => {
    const [, bracketed, host, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/i.exec(node) ?? [];
    return { host: bracketed ?? host ?? '', port: Number(port) };
  });
  if (!seeds.every(({ host, port }) => host !== '' && port > 0 && port < 65_536)) return undefined;
  try {
    const [username, password] = (login ?? '').split(/:(.*)/s).map(decodeURIComponent);
    return {
      kind: 'redis',
      seeds,
      isEncrypted: tls === 's',
      username: username || undefined,
      password: password || undefined,
    };
  } catch {
    return undefined;
  }
}

/** A store as `--store` names it. */
export const storeLocation = z.string().transform((text, context): StoreLocation => {
  if (text === 'lmdb') return { kind: 'lmdb' };
  const location = redisLocation(text);
  if (location) return location;
  // The text may contain a password, so it is not repeated.
  context.addIssue({
    code: 'custom',
    message: 'must be lmdb or redis://host:port,… (or rediss://, with user:password@ before the first host)',
    params: { secret: true },
  });
  return z.NEVER;
});

/** The location of the store, without user and password. */
export function storePlace(store: StoreLocation): string {
  if (store.kind === 'lmdb') return 'lmdb';
  const nodes = store.seeds.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  return `redis${store.isEncrypted ? 's' : ''}://${nodes.join(',')}`;
}
