/**
 * The settings of a client (contract section 9): those that Quiver uses, and those that it only
 * stores.
 */

import { distance } from 'fastest-levenshtein';
import { MAX_ATTRIBUTE_NAME } from '../domain/attribute-name.ts';
import {
  CHECKINGS,
  type Checking,
  type ClientRules,
  PLACEHOLDER_RULES,
  type PlaceholderRule,
  UNKNOWN_UPDATES,
  type UnknownUpdate,
  WHEN_TOO_LARGE,
  type WhenTooLarge,
} from '../domain/client-rules.ts';
import { DEFAULT_LIFETIME_DAYS } from '../domain/lifetime.ts';
import { aliasProblem, atMostCharacters, MAX_ALIAS } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { JsonObject } from '../wire/json.ts';

/**
 * The settings that Quiver uses; a client's object may have more members, which are stored and
 * returned.
 */
export interface ClientSettings {
  /** Whether the profile APIs require a profile token. */
  readonly enableProfileApiAuthentication: boolean;
  /** How long a profile lives after a write, 1 to 90 days. */
  readonly profileLifetimeDays: number;
  /** How long a new profile token is valid, 1 to 3650 days. */
  readonly tokenLifetimeDays: number;
  readonly whenTooLarge: WhenTooLarge;
  readonly checking: Checking;
  readonly unknownUpdate: UnknownUpdate;
  /** The aliases whose customer ids name a visitor; null for all. */
  readonly customerIdAliases: readonly string[] | null;
  readonly placeholderIds: PlaceholderRule;
  /** Whether a fetch shows customer attributes too, as `crs.<source>.<attribute>`. */
  readonly customerAttributesInFetch: boolean;
  /** The attributes by whose values profiles can be found through an index. */
  readonly indexedAttributes: readonly string[];
}

export const MAX_TOKEN_LIFETIME_DAYS = 3650;

export const DEFAULT_CLIENT_SETTINGS: ClientSettings = {
  enableProfileApiAuthentication: false,
  profileLifetimeDays: DEFAULT_LIFETIME_DAYS,
  tokenLifetimeDays: 180,
  whenTooLarge: 'refuse',
  checking: 'lenient',
  unknownUpdate: 'tell',
  customerIdAliases: null,
  placeholderIds: 'warn',
  customerAttributesInFetch: false,
  indexedAttributes: [],
};

/** The largest settings of a client, in bytes, including members that Quiver only stores. */
export const MAX_SETTINGS_SIZE = 64 * 1024;

type Rule = readonly [holds: (value: unknown) => boolean, rule: string];

/** The most aliases that a client may list. */
export const MAX_ALIASES = 100;
/** The most attributes that a client may have indexed. */
export const MAX_INDEXED_ATTRIBUTES = 8;

const TRUE_OR_FALSE: Rule = [(value) => typeof value === 'boolean', 'must be true or false'];

const RULES: { readonly [Name in keyof ClientSettings]: Rule } = {
  enableProfileApiAuthentication: TRUE_OR_FALSE,
  profileLifetimeDays: [(value) => isDays(value, 90), 'must be a whole number from 1 to 90'],
  tokenLifetimeDays: [
    (value) => isDays(value, MAX_TOKEN_LIFETIME_DAYS),
    `must be a whole number from 1 to ${MAX_TOKEN_LIFETIME_DAYS}`,
  ],
  whenTooLarge: oneOf(WHEN_TOO_LARGE),
  checking: oneOf(CHECKINGS),
  unknownUpdate: oneOf(UNKNOWN_UPDATES),
  customerIdAliases: [
    areAliases,
    `must be null or a list of at most ${MAX_ALIASES} names of 1 to ${MAX_ALIAS} characters`,
  ],
  placeholderIds: oneOf(PLACEHOLDER_RULES),
  customerAttributesInFetch: TRUE_OR_FALSE,
  indexedAttributes: [
    areAttributeNames,
    `must be a list of at most ${MAX_INDEXED_ATTRIBUTES} different names of attributes`,
  ],
};

/**
 * Members of Adobe's settings that accept only certain words. Quiver does not use them, but refuses
 * what Adobe refuses.
 */
const ADOBE_RULES: Readonly<Record<string, Rule>> = {
  crossDomain: oneOf(['enabled', 'disabled', 'x-only']),
  decisioningMethod: oneOf(['server-side', 'on-device', 'hybrid']),
  analyticsLogging: oneOf(['server_side', 'client_side']),
  ipObfuscation: oneOf(['NONE', 'LAST_OCTET', 'STRIP']),
};

/**
 * Refuses settings that break a rule.
 *
 * @throws QuiverError `bad-request` that names the member and the rule
 */
export function checkClientSettings(members: JsonObject): void {
  for (const [name, [holds, rule]] of Object.entries({ ...ADOBE_RULES, ...RULES })) {
    if (Object.hasOwn(members, name) && !holds(members[name])) {
      throw new QuiverError('bad-request', `${name}: ${rule}, not ${shown(members[name])}`);
    }
  }
  if (Buffer.byteLength(JSON.stringify(members)) > MAX_SETTINGS_SIZE) {
    throw new QuiverError('bad-request', `settings: must have at most ${MAX_SETTINGS_SIZE} bytes`);
  }
}

/** All members, with defaults for those that were never set. */
export function withDefaults(members: JsonObject): JsonObject & ClientSettings {
  return { ...DEFAULT_CLIENT_SETTINGS, ...members };
}

/** The rules that the rest of the server uses. */
export function rulesOf(settings: ClientSettings): ClientRules {
  const { profileLifetimeDays, whenTooLarge, checking, unknownUpdate, customerIdAliases } = settings;
  const { placeholderIds, customerAttributesInFetch } = settings;
  return {
    lifetimeDays: profileLifetimeDays,
    ...{ whenTooLarge, checking, unknownUpdate, customerIdAliases },
    ...{ placeholderIds, customerAttributesInFetch },
  };
}

/**
 * Warns about names that look like a misspelt setting of Quiver. They are stored and returned like
 * any other member and have no effect.
 *
 * @returns one sentence per name, for instance
 *   `profileLifetimeDay: is no setting of Quiver; did you mean profileLifetimeDays?`
 */
export function misspeltSettings(members: JsonObject): string[] {
  const known = Object.keys(DEFAULT_CLIENT_SETTINGS);
  return Object.entries(members).flatMap(([name, value]) => {
    // Null removes a member; this must work for misspelt ones too.
    if (value === null || known.includes(name) || Object.hasOwn(ADOBE_RULES, name) || name.length > MAX_NAME)
      return [];
    const meant = known.find((setting) => isMisspelling(name, setting));
    return meant === undefined ? [] : [`${name}: is no setting of Quiver; did you mean ${meant}?`];
  });
}

/**
 * A name of at least this many letters that is part of a setting's name probably means that
 * setting: `profileLifetime`.
 */
const PART_OF_NAME = 8;
/** A longer name is not a misspelling, and comparing it would take long. */
const MAX_NAME = 64;

/**
 * Whether two names differ only in case, dashes or two letters, or one is a large part of the
 * other.
 */
function isMisspelling(name: string, setting: string): boolean {
  const plain = (text: string) => text.replaceAll(/[-_ .]/g, '').toLowerCase();
  const [sent, known] = [plain(name), plain(setting)];
  return distance(sent, known) <= 2 || (sent.length >= PART_OF_NAME && known.includes(sent));
}

function oneOf(words: readonly string[]): Rule {
  const quoted = words.map((word) => `"${word}"`);
  return [(value) => words.includes(value as string), `must be ${quoted.join(' or ')}`];
}

function areAliases(value: unknown): boolean {
  if (value === null) return true;
  if (!Array.isArray(value) || value.length > MAX_ALIASES) return false;
  return value.every((alias) => typeof alias === 'string' && aliasProblem(alias) === undefined);
}

function areAttributeNames(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > MAX_INDEXED_ATTRIBUTES) return false;
  if (new Set(value).size < value.length) return false;
  // Names that only scripts may set can be indexed too.
  return value.every(
    (name) =>
      typeof name === 'string' &&
      name !== '' &&
      name.isWellFormed() &&
      atMostCharacters(name, MAX_ATTRIBUTE_NAME),
  );
}

function isDays(value: unknown, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
