/** The settings of a client (contract section 9): what Quiver goes by, and what it only keeps. */

import { DEFAULT_LIFETIME_DAYS } from '../domain/lifetime.ts';
import { QuiverError } from '../errors.ts';
import type { JsonObject } from '../wire/json.ts';

/** What Quiver goes by; a client's object may have more members, which are stored and returned. */
export interface ClientSettings {
  /** Whether the profile APIs ask for a profile token. */
  readonly enableProfileApiAuthentication: boolean;
  /** How long a profile lives after a write, 1 to 90 days. */
  readonly profileLifetimeDays: number;
  /** How long a new profile token is good, 1 to 3650 days. */
  readonly tokenLifetimeDays: number;
}

export const MAX_TOKEN_LIFETIME_DAYS = 3650;

export const DEFAULT_CLIENT_SETTINGS: ClientSettings = {
  enableProfileApiAuthentication: false,
  profileLifetimeDays: DEFAULT_LIFETIME_DAYS,
  tokenLifetimeDays: 180,
};

/** The most bytes of a client's settings, the members that Quiver only keeps included. */
export const MAX_SETTINGS_SIZE = 64 * 1024;

const RULES: { readonly [Name in keyof ClientSettings]: readonly [(value: unknown) => boolean, string] } = {
  enableProfileApiAuthentication: [(value) => typeof value === 'boolean', 'must be true or false'],
  profileLifetimeDays: [(value) => isDays(value, 90), 'must be a whole number from 1 to 90'],
  tokenLifetimeDays: [
    (value) => isDays(value, MAX_TOKEN_LIFETIME_DAYS),
    `must be a whole number from 1 to ${MAX_TOKEN_LIFETIME_DAYS}`,
  ],
};

/**
 * Refuses settings that break a rule.
 *
 * @throws QuiverError `bad-request` that names the member and the rule
 */
export function checkClientSettings(members: JsonObject): void {
  for (const [name, [holds, rule]] of Object.entries(RULES)) {
    if (Object.hasOwn(members, name) && !holds(members[name])) {
      throw new QuiverError('bad-request', `${name}: ${rule}, not ${shown(members[name])}`);
    }
  }
  if (Buffer.byteLength(JSON.stringify(members)) > MAX_SETTINGS_SIZE) {
    throw new QuiverError('bad-request', `settings: must have at most ${MAX_SETTINGS_SIZE} bytes`);
  }
}

/** All members, those that were never set with their defaults. */
export function withDefaults(members: JsonObject): JsonObject & ClientSettings {
  return { ...DEFAULT_CLIENT_SETTINGS, ...members };
}

function isDays(value: unknown, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
