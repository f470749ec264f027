/**
 * Every setting of `quiver serve`, defined once: its flag, its variable, its member of the file,
 * its rule (contract section 11).
 *
 * A value is always text, wherever it comes from, and is checked by the one schema here.
 */

import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import * as z from 'zod';
import { DEFAULT_LIMITS } from '../domain/profile-limits.ts';
import type { LogLevel, Peer } from './config.ts';
import { STORE_HELP, storeLocation } from './store-location.ts';

export interface Setting {
  /** The name as the flag and the file use it, without dashes: `server-domain`. */
  readonly name: string;
  /** The placeholder of the value in the help: `<port>`. */
  readonly value: string;
  readonly describe: string;
  /** The default as text, or as a list of texts; undefined when there is none. */
  readonly fallback: string | readonly string[] | undefined;
  /** Whether the flag without a value means `yes`. */
  readonly switch?: true;
  /** May be given several times: repeated flags, a comma-separated variable, a list in the file. */
  readonly repeatable?: true;
  /** All allowed values, when they are few; for shell completion. */
  readonly choices?: readonly string[];
  /** Parses the text, or list of texts; its error message completes `--name: …`. */
  readonly schema: z.ZodType;
}

const MAX_WORKERS = 64;

function wholeNumber(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^[0-9]{1,9}$/, rule)
    .transform(Number)
    .refine((number) => number >= min && number <= max, rule);
}

const YES_OR_NO = ['yes', 'no'] as const;
const yesOrNo = z.enum(YES_OR_NO, 'must be yes or no').transform((text) => text === 'yes');

const notEmpty = z.string().min(1, 'must not be empty');

const clientCode = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,63}$/,
    'must be a client code: 1 to 64 of a-z 0-9 _ -, not starting with _ or -',
  );

const domain = z
  .string()
  .toLowerCase()
  .regex(
    /^(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/,
    'must be a domain name, for instance tt.omtrdc.net',
  );

const hostName = z
  .string()
  .toLowerCase()
  .regex(
    /^(?=.{1,253}$)(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$|^[0-9a-f:.]{2,45}$/,
    'must be a host name without a port, for instance quiver.example.com or *.example.com',
  );

/** An address, or a range in CIDR form. */
const addressRange = z.string().refine((text) => {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}, 'must be an IP address or a range such as 10.0.0.0/8');

const origin = z.string().transform((text, context) => {
  if (/^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text) return text;
  context.addIssue({ code: 'custom', message: 'must be an origin such as https://www.example.com' });
  return z.NEVER;
});

const peer = z.string().transform((text, context): Peer => {
  const [, cluster, url] = /^([0-9]{1,4})=(https?:\/\/.+)$/.exec(text) ?? [];
  if (cluster !== undefined && url !== undefined && URL.canParse(url))
    return { cluster: Number(cluster), url };
  context.addIssue({
    code: 'custom',
    message: 'must be <cluster>=<url>, for instance 28=https://eu.example.com',
  });
  return z.NEVER;
});

const MS_OF_UNIT = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time in milliseconds, or `off`. */
const keptTime = z.string().transform((text, context): number | 'off' => {
  if (text === 'off') return 'off';
  const [, count, unit] = /^([1-9][0-9]{0,3})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * MS_OF_UNIT[unit as keyof typeof MS_OF_UNIT];
  context.addIssue({ code: 'custom', message: 'must be a time such as 7d, 12h or 30m, or off' });
  return z.NEVER;
});

const locationHints = ['none', 'cluster', 'adobe'] as const;

const logLevels: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug'];

/** All settings, in the order of the help. */
export const SETTINGS = [
  {
    name: 'port',
    value: '<port>',
    fallback: '8680',
    describe: 'port to listen on; 0 picks a free one and prints it',
    schema: wholeNumber(0, 65_535),
  },
  {
    name: 'host',
    value: '<address>',
    fallback: '127.0.0.1',
    describe: 'the address to listen on',
    schema: notEmpty,
  },
  {
    name: 'data',
    value: '<folder>',
    fallback: './data',
    describe: 'folder of the embedded store and the admin token',
    schema: notEmpty,
  },
  {
    name: 'store',
    value: '<store>',
    fallback: 'lmdb',
    describe: STORE_HELP,
    schema: storeLocation,
  },
  {
    name: 'store-prefix',
    value: '<text>',
    fallback: 'quiver',
    describe: 'prefix of the keys in a redis store',
    schema: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -'),
  },
  {
    name: 'allow-unsafe-store',
    value: '<yes|no>',
    fallback: 'no',
    describe: 'start on a redis store that may lose acknowledged writes',
    switch: true,
    choices: YES_OR_NO,
    schema: yesOrNo,
  },
  {
    name: 'client',
    value: '<code>',
    fallback: ['demo'],
    describe: 'client codes served; the first is the default client',
    repeatable: true,
    schema: z.array(clientCode).min(1, 'must name at least one client'),
  },
  {
    name: 'server-domain',
    value: '<domain>',
    fallback: 'tt.omtrdc.net',
    describe: 'domain that follows the client code in the Host header',
    schema: domain,
  },
  {
    name: 'allow-host',
    value: '<name>',
    fallback: [],
    describe: 'further names accepted in the Host header; *.<domain> allows all names under it',
    repeatable: true,
    schema: z.array(hostName),
  },
  {
    name: 'cluster',
    value: '<number>',
    fallback: '1',
    describe: 'number of this edge cluster',
    schema: wholeNumber(0, 9999),
  },
  {
    name: 'node',
    value: '<number>',
    fallback: '0',
    describe: 'number of this node in its cluster',
    schema: wholeNumber(0, 9999),
  },
  {
    name: 'location-hint',
    value: '<form>',
    fallback: undefined,
    describe: 'how tntIds name their cluster: none (default), cluster (default with peers) or adobe',
    choices: locationHints,
    schema: z.enum(locationHints, 'must be none, cluster or adobe'),
  },
  {
    name: 'trust-proxy',
    value: '<address>',
    fallback: [],
    describe: 'addresses or ranges whose X-Forwarded-* headers are trusted',
    repeatable: true,
    schema: z.array(addressRange),
  },
  {
    name: 'tls-cert',
    value: '<file>',
    fallback: undefined,
    describe: 'PEM file of the certificate: serve https',
    schema: notEmpty,
  },
  {
    name: 'tls-key',
    value: '<file>',
    fallback: undefined,
    describe: 'PEM file of its key',
    schema: notEmpty,
  },
  {
    name: 'tls-dev',
    value: '<yes|no>',
    fallback: 'no',
    describe: 'serve https with a certificate made for this machine, kept in the data folder',
    switch: true,
    choices: YES_OR_NO,
    schema: yesOrNo,
  },
  {
    name: 'cors-origin',
    value: '<origin>',
    fallback: [],
    describe: 'origins whose pages may call the profile APIs',
    repeatable: true,
    schema: z.array(origin),
  },
  {
    name: 'peer',
    value: '<cluster>=<url>',
    fallback: [],
    describe: 'another edge cluster; needs QUIVER_EDGE_SECRET',
    repeatable: true,
    schema: z.array(peer),
  },
  {
    name: 'edge-timeout',
    value: '<ms>',
    fallback: '300',
    describe: 'how long a lookup in another edge cluster may take',
    schema: wholeNumber(10, 2000),
  },
  {
    name: 'workers',
    value: '<number>',
    fallback: String(Math.min(availableParallelism(), MAX_WORKERS)),
    describe: 'number of serving processes',
    schema: wholeNumber(1, MAX_WORKERS),
  },
  {
    name: 'keep-alive',
    value: '<seconds>',
    fallback: '30',
    describe:
      'how long an idle connection stays open; set it longer than the idle timeout of a load balancer in front',
    schema: wholeNumber(1, 3600),
  },
  {
    name: 'journal',
    value: '<number>|refused',
    fallback: 'refused',
    describe:
      'how many calls each worker remembers, without bodies, for the console and quiver watch; refused: only the last 100 that were refused; 0: none',
    schema: z.literal('refused').or(wholeNumber(0, 10_000)),
  },
  {
    name: 'max-ids',
    value: '<number>',
    fallback: String(DEFAULT_LIMITS.ids),
    describe: 'most ids per profile; a visit that would add another is refused',
    schema: wholeNumber(2, 1_000_000),
  },
  {
    name: 'max-merged-bytes',
    value: '<bytes>',
    fallback: String(DEFAULT_LIMITS.mergedBytes),
    describe: 'most bytes of attributes per profile after a merge',
    schema: wholeNumber(65_536, 16_777_216),
  },
  {
    name: 'changes',
    value: '<time>',
    fallback: '7d',
    describe:
      'how long changes of profiles are kept for the change feed, for instance 7d or 12h; off keeps none',
    schema: keptTime,
  },
  {
    name: 'changes-bytes',
    value: '<bytes>',
    fallback: String(512 * 1024 ** 2),
    describe: 'most bytes of these changes; the oldest are removed first',
    schema: wholeNumber(1_000_000, 999_999_999),
  },
  {
    name: 'merges',
    value: '<time>',
    fallback: '30d',
    describe: 'how long merges are recorded and can be undone; off records none',
    schema: keptTime,
  },
  {
    name: 'backup-every',
    value: '<time>',
    fallback: 'off',
    describe: 'how often the server backs up the embedded store, for instance 24h or 1d; off for never',
    schema: keptTime,
  },
  {
    name: 'backup-to',
    value: '<folder>',
    fallback: undefined,
    describe: 'folder of these backups, outside of the data folder',
    schema: notEmpty,
  },
  {
    name: 'backup-keep',
    value: '<number>',
    fallback: '7',
    describe: 'how many of these backups are kept; older ones are removed after a new one is complete',
    schema: wholeNumber(1, 1000),
  },
  {
    name: 'webhook-allow',
    value: '<address>',
    fallback: [],
    describe: 'private addresses or ranges that webhooks may reach',
    repeatable: true,
    schema: z.array(addressRange),
  },
  {
    name: 'log-level',
    value: '<level>',
    fallback: 'info',
    describe: `${logLevels.join(', ')}; debug logs every request`,
    choices: logLevels,
    schema: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
  },
] as const satisfies readonly Setting[];

export type SettingName = (typeof SETTINGS)[number]['name'];

/** `server-domain` → `QUIVER_SERVER_DOMAIN`. */
export function variableOf(name: string): string {
  return `QUIVER_${name.toUpperCase().replaceAll('-', '_')}`;
}
