/** How `--store` names where profiles are kept (contract section 11). */

import * as z from 'zod';
import type { RedisLocation, StoreLocation } from './config.ts';

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
