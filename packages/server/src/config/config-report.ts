/** The configuration as a person reads it: every value, and where it came from. */

import { type LoadedConfig, maskPassword, type Origin } from './load-config.ts';
import { SETTING_KEYS, SETTINGS, type Setting, type SettingKey } from './settings.ts';

export interface ConfigLine {
  readonly name: string;
  /** A secret shows only that it is set; a password in a URL shows as `***`. */
  readonly value: string;
  readonly origin: Origin;
}

/** One line a setting, in the order of the help. */
export function configReport(loaded: LoadedConfig): ConfigLine[] {
  return SETTING_KEYS.map((key) => {
    const setting: Setting = SETTINGS[key];
    const value = valueOf(key, loaded);
    return { name: setting.name, value: printed(value, setting), origin: loaded.origins[key] };
  });
}

function printed(value: unknown, setting: Setting): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '(none)';
  if (setting.secret) return '(set)';
  return maskPassword(Array.isArray(value) ? value.join(', ') : String(value));
}

function valueOf(key: SettingKey, { config }: LoadedConfig): unknown {
  switch (key) {
    case 'tlsCert':
      return config.tls?.certFile;
    case 'tlsKey':
      return config.tls?.keyFile;
    case 'store':
      return config.store.kind === 'lmdb' ? 'lmdb' : config.store.url;
    case 'peers':
      return config.peers.map(({ cluster, url }) => `${cluster}=${url}`);
    default:
      return config[key];
  }
}
