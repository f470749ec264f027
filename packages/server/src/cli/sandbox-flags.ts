/** The flags of `quiver sandbox`. */

import type { SettingName } from '../config/settings.ts';

/** The flags that a server does not have. */
export interface SandboxFlags {
  readonly seed?: string;
  readonly now?: string;
  readonly ids?: string;
  readonly beyondLoopback?: true;
}

/** The settings that a sandbox accepts; the others only make sense for lasting data. */
export const SANDBOX_SETTINGS: readonly SettingName[] = [
  'port',
  'host',
  'client',
  'data',
  'server-domain',
  'allow-host',
  'cluster',
  'node',
  'location-hint',
  'trust-proxy',
  'cors-origin',
  'log-level',
];
