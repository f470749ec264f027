/**
 * What each kind of configuration value must look like. Every schema takes the text of a flag or variable as well as the JSON
 * value of a file, and its message completes "--port ".
 */

import { isIP } from 'node:net';
import { z } from 'zod';
import type { Peer, StoreLocation } from './config.ts';

/** A whole number in digits; `1e3`, `0x10`, `1.0` and blanks are refused, so that nothing is read otherwise than it looks. */
export function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d{1,9}$/)
          .transform(Number),
      ],
      { error: message },
    )
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, { error: message });
}

/** Text that is not empty, without control characters. */
export function text(what: string) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return matching(/^[^\u0000-\u001f\u007f]+$/, what);
}

/** Text of a given form. */
export function matching(form: RegExp, what: string) {
  return z.string({ error: `must be ${what}` }).regex(form, { error: `must be ${what}` });
}

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, { error: `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` });
}

/** One or more of `item`, in the order given; a duplicate is dropped. */
export function listOf<Item extends z.ZodType>(item: Item, least = 0) {
  return z
    .array(item, { error: 'must be a list' })
    .min(least, { error: `must have at least ${least}` })
    .transform((items) => [...new Set(items)]);
}

export const clientCode = matching(
  /^[a-z0-9][a-z0-9_-]{0,63}$/,
  'a client code: 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit',
);

const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
export const domainName = z
  .string({ error: 'must be a domain name' })
  .toLowerCase()
  .regex(new RegExp(`^(?=.{1,253}$)${LABEL}(\\.${LABEL})*$`), { error: 'must be a domain name' });

/** An address, or a range in CIDR form. */
export const addressRange = z
  .string({ error: 'must be an IP address or a CIDR range' })
  .refine(isAddressRange, { error: 'must be an IP address or a CIDR range' });

/** An origin as browsers send it: scheme, host, port if not the default; no path. `*` is refused: the choice is per site. */
export const webOrigin = z
  .string({ error: 'must be an origin such as https://shop.example' })
  .refine((value) => originOf(value) === value, { error: 'must be an origin such as https://shop.example' });

/** `lmdb`, or the seeds of a cluster. */
export const storeLocation = z
  .string({ error: 'must be lmdb, redis://… or rediss://…' })
  .refine((value) => value === 'lmdb' || /^rediss?:\/\/[^\s/]+\/?$/.test(value), {
    error: 'must be lmdb, redis://… or rediss://…',
  })
  .transform((value): StoreLocation => (value === 'lmdb' ? { kind: 'lmdb' } : { kind: 'redis', url: value }));

/** `<cluster>=<url>` of another edge cluster. */
export const peer = z
  .string({ error: 'must be <cluster>=<url>' })
  .transform((value): Peer => {
    const [, cluster = '', url = ''] = /^(\d{1,9})=(.+)$/.exec(value) ?? [];
    return { cluster: Number(cluster), url };
  })
  .refine(({ url }) => originOf(url) === url.replace(/\/$/, '') && url !== '', {
    error: 'must be <cluster>=<url>, for instance 17=https://edge17.example',
  });

function isAddressRange(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function originOf(value: string): string | undefined {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return undefined;
  return new URL(value).origin;
}
