/**
 * Reads the configuration: flags override `QUIVER_*` variables, these override the file, and that
 * the defaults (contract section 11).
 */

import { readFileSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import type { LocationHint, LogLevel, Peer, ServeConfig } from './config.ts';
import { realPlace } from './real-place.ts';
import { SETTINGS, type Setting, type SettingName, variableOf } from './settings.ts';
import type { StoreLocation } from './store-location.ts';

/** An invalid value; the message is one line that names it. `quiver` ends with exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Where a value can come from, weakest first. */
export const SETTING_ORIGINS = ['default', 'file', 'variable', 'flag'] as const;
export type SettingOrigin = (typeof SETTING_ORIGINS)[number];

export interface Sources {
  /** The values of the command line, by the name of the setting. */
  readonly flags: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The JSON file of `--config` or `QUIVER_CONFIG`. */
  readonly file: string | undefined;
}

export interface LoadedConfig {
  readonly config: ServeConfig;
  /** Where each setting came from. */
  readonly origins: ReadonlyMap<SettingName, SettingOrigin>;
  /** Variables that start with `QUIVER_` but are unknown: likely a typo, so a warning is logged. */
  readonly unknownVariables: readonly string[];
}

type Given = { readonly text: string | readonly string[] | undefined; readonly origin: SettingOrigin };

/**
 * Secrets come from environment variables only: everybody on the machine can read a command line,
 * and a file is copied and checked in. Each secret may also be in its own file, named by the
 * variable with the suffix `_FILE`.
 */
export const SECRETS = [
  { name: 'admin-token', member: 'adminToken', min: 16 },
  { name: 'edge-secret', member: 'edgeSecret', min: 32 },
  { name: 'signing-key', member: 'signingKey', min: 32 },
  { name: 'store-password', member: 'storePassword', min: 1 },
] as const;

/**
 * Known variables that are not settings: the path of the file, the runtime to use, and what the
 * client commands read.
 */
const OTHER_VARIABLES = ['QUIVER_CONFIG', 'QUIVER_RUNTIME', 'QUIVER_URL', 'QUIVER_TOKEN'];

/**
 * Reads, checks and freezes the configuration.
 *
 * @throws ConfigError for the first invalid value: its name, its rule, where it came from
 */
export function loadConfig(sources: Sources): LoadedConfig {
  const file = readConfigFile(sources.file);
  const origins = new Map<SettingName, SettingOrigin>();
  const values = new Map<SettingName, unknown>();
  for (const setting of SETTINGS) {
    const given = find(setting, sources, file);
    origins.set(setting.name, given.origin);
    values.set(setting.name, given.text === undefined ? undefined : parse(setting, given));
  }
  const value = <Type>(name: SettingName) => values.get(name) as Type;
  const peers = value<Peer[]>('peer');
  const config: ServeConfig = {
    host: value<string>('host'),
    port: value<number>('port'),
    dataDir: resolve(value<string>('data')),
    store: value<StoreLocation>('store'),
    storePrefix: value<string>('store-prefix'),
    allowUnsafeStore: value<boolean>('allow-unsafe-store'),
    clients: [...new Set(value<string[]>('client'))],
    serverDomain: value<string>('server-domain'),
    allowedHosts: [...new Set(value<string[]>('allow-host'))],
    cluster: value<number>('cluster'),
    node: value<number>('node'),
    locationHint: value<LocationHint | undefined>('location-hint') ?? (peers.length > 0 ? 'cluster' : 'none'),
    trustedProxies: [...new Set(value<string[]>('trust-proxy'))],
    tls: tlsOf(value<string | undefined>('tls-cert'), value<string | undefined>('tls-key')),
    tlsDev: value<boolean>('tls-dev'),
    corsOrigins: [...new Set(value<string[]>('cors-origin'))],
    peers,
    edgeTimeout: value<number>('edge-timeout'),
    workers: value<number>('workers'),
    keepAlive: value<number>('keep-alive'),
    journal: value<number | 'refused'>('journal'),
    limits: { ids: value<number>('max-ids'), mergedBytes: value<number>('max-merged-bytes') },
    changes: changesOf(value<number | 'off'>('changes'), value<number>('changes-bytes')),
    merges: value<number | 'off'>('merges'),
    backups: backupsOf(value, origins),
    webhookAllow: [...new Set(value<string[]>('webhook-allow'))],
    logLevel: value<LogLevel>('log-level'),
    ...secretsOf(sources.env),
  };
  if (config.tls && config.tlsDev) throw new ConfigError('--tls-dev: cannot be given with --tls-cert');
  checkBackups(config);
  checkPeers(config);
  return { config: deepFrozen(config), origins, unknownVariables: unknownVariables(sources.env) };
}

function unknownVariables(env: Sources['env']): string[] {
  const known = new Set([
    ...OTHER_VARIABLES,
    ...[...SETTINGS, ...SECRETS].map(({ name }) => variableOf(name)),
    ...SECRETS.map(({ name }) => `${variableOf(name)}_FILE`),
  ]);
  return Object.keys(env).filter((name) => name.startsWith('QUIVER_') && !known.has(name));
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFrozen(member);
    Object.freeze(value);
  }
  return value;
}

function find(setting: Setting, { flags, env }: Sources, file: ReadonlyMap<string, Given['text']>): Given {
  const flag = flags[setting.name];
  if (flag !== undefined) return { text: flag, origin: 'flag' };
  const variable = env[variableOf(setting.name)];
  if (variable !== undefined && variable !== '') {
    const text = setting.repeatable ? variable.split(',').map((part) => part.trim()) : variable;
    return { text, origin: 'variable' };
  }
  if (file.has(setting.name)) return { text: file.get(setting.name), origin: 'file' };
  return { text: setting.fallback, origin: 'default' };
}

function parse(setting: Setting, { text, origin }: Given): unknown {
  const result = setting.schema.safeParse(setting.repeatable && typeof text === 'string' ? [text] : text);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const at = typeof issue.path[0] === 'number' && Array.isArray(text) ? text[issue.path[0]] : text;
  const isSecret = issue.code === 'custom' && issue.params?.secret === true;
  const came = isSecret || typeof at !== 'string' ? '' : `, not ${JSON.stringify(at)}`;
  const place = {
    flag: '',
    variable: ` (from ${variableOf(setting.name)})`,
    file: ' (from the file)',
    default: '',
  }[origin];
  throw new ConfigError(`--${setting.name}: ${issue.message}${came}${place}`);
}

/**
 * The members of the file, each as text. An unknown name is an error, because a misspelt setting
 * would silently have no effect.
 */
function readConfigFile(path: string | undefined): ReadonlyMap<string, Given['text']> {
  if (path === undefined) return new Map();
  let members: unknown;
  try {
    // PowerShell and some editors write a byte-order mark, which JSON.parse refuses.
    members = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new ConfigError(`--config: cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    throw new ConfigError(`--config: ${path} must hold a JSON object`);
  }
  return new Map(
    Object.entries(members).map(([name, member]) => {
      const setting = SETTINGS.find((candidate) => candidate.name === name);
      if (!setting) throw new ConfigError(`--config: ${path} has an unknown setting ${JSON.stringify(name)}`);
      return [name, textOf(name, member, 'repeatable' in setting)];
    }),
  );
}

function textOf(name: string, member: unknown, repeatable: boolean): string | string[] {
  const isPlain = (value: unknown) => typeof value === 'string' || typeof value === 'number';
  if (isPlain(member)) return String(member);
  if (repeatable && Array.isArray(member) && member.every(isPlain)) return member.map(String);
  const kinds = repeatable ? 'a text, a number or a list of these' : 'a text or a number';
  throw new ConfigError(`--${name}: must be ${kinds} (from the file)`);
}

function changesOf(age: number | 'off', bytes: number): ServeConfig['changes'] {
  return age === 'off' ? age : { age, bytes };
}

function backupsOf(
  value: <Type>(name: SettingName) => Type,
  origins: ReadonlyMap<SettingName, SettingOrigin>,
): ServeConfig['backups'] {
  const everyMs = value<number | 'off'>('backup-every');
  const folder = value<string | undefined>('backup-to');
  if (everyMs === 'off') {
    if (folder !== undefined) throw new ConfigError('--backup-to: needs --backup-every too');
    if (origins.get('backup-keep') !== 'default') {
      throw new ConfigError('--backup-keep: needs --backup-every too');
    }
    return 'off';
  }
  if (folder === undefined) throw new ConfigError('--backup-every: needs --backup-to too');
  return { everyMs, folder: resolve(folder), keep: value<number>('backup-keep') };
}

/** A backup inside the folder that it copies would contain all earlier backups. */
function checkBackups({ backups, store, dataDir }: ServeConfig): void {
  if (backups === 'off') return;
  if (store.kind !== 'lmdb') throw new ConfigError('--backup-every: only works on the embedded store');
  const [first] = relative(placeOf(dataDir), placeOf(backups.folder)).split(sep);
  if (first !== '..') throw new ConfigError('--backup-to: must be outside of the data folder');
}

function placeOf(path: string): string {
  try {
    return realPlace(path);
  } catch {
    // A folder that cannot be read at the moment does not stop the server; its backups fail.
    return path;
  }
}

function tlsOf(certFile: string | undefined, keyFile: string | undefined): ServeConfig['tls'] {
  if (certFile !== undefined && keyFile !== undefined) {
    return { certFile: resolve(certFile), keyFile: resolve(keyFile) };
  }
  if (certFile !== undefined) throw new ConfigError('--tls-cert: needs --tls-key too');
  if (keyFile !== undefined) throw new ConfigError('--tls-key: needs --tls-cert too');
  return undefined;
}

type Secrets = { readonly [Member in (typeof SECRETS)[number]['member']]: string | undefined };

function secretsOf(env: Sources['env']): Secrets {
  return Object.fromEntries(
    SECRETS.map(({ name, member, min }) => [member, secret(env, variableOf(name), min)]),
  ) as Secrets;
}

/**
 * A secret from a variable, or from the file named by the variable with the suffix `_FILE`;
 * surrounding whitespace is removed.
 */
function secret(env: Sources['env'], name: string, min: number): string | undefined {
  const file = env[`${name}_FILE`] ?? '';
  const given = env[name] ?? '';
  if (given === '' && file === '') return undefined;
  if (given !== '' && file !== '') throw new ConfigError(`${name}: is given twice, by ${name}_FILE too`);
  const text = file === '' ? given : readSecret(`${name}_FILE`, file);
  if (text.length < min) {
    throw new ConfigError(`${file === '' ? name : `${name}_FILE`}: must have ${min} characters or more`);
  }
  return text;
}

function readSecret(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ConfigError(`${name}: cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Each cluster has its own number, and all share a secret. */
function checkPeers({ peers, cluster, edgeSecret }: ServeConfig): void {
  if (peers.length > 0 && edgeSecret === undefined) {
    throw new ConfigError('--peer: needs QUIVER_EDGE_SECRET, 32 characters or more');
  }
  const numbers = [cluster, ...peers.map((peer) => peer.cluster)];
  const twice = numbers.find((number, place) => numbers.indexOf(number) !== place);
  if (twice === cluster) throw new ConfigError(`--peer: ${twice} is the number of this cluster`);
  if (twice !== undefined) throw new ConfigError(`--peer: cluster ${twice} is given twice`);
}
