/** The flags of `quiver sandbox`. */

import type { SettingName } from '../config/settings.ts';

/** Those that a server has not. */
export interface SandboxFlags {
  readonly seed?: string;
  readonly now?: string;
  readonly ids?: string;
  readonly beyondLoopback?: true;
}

/** Settings that a sandbox takes; the others are of a server whose data lasts. */
export const SANDBOX_SETTINGS: readonly SettingName[] = [
  'port',
  'host',
  'client',
  'server-domain',
  'allow-host',
  'cluster',
  'node',
  'location-hint',
  'trust-proxy',
  'cors-origin',
  'log-level',
];
