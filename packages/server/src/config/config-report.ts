/** The configuration in readable form: every value, and where it came from. */

import { type LoadedConfig, SECRETS, type SettingOrigin } from './load-config.ts';
import { SETTINGS, type SettingName, variableOf } from './settings.ts';
import { storePlace } from './store-location.ts';

export interface ConfigLine {
  readonly name: string;
  /** For a secret, only that it is set. */
  readonly value: string;
  readonly origin: SettingOrigin;
}

/** One line per setting, in the order of the help; the secrets, which have no flag, come last. */
export function configReport({ config, origins }: LoadedConfig): ConfigLine[] {
  const settings = SETTINGS.map(({ name }) => ({
    name,
    value: printed(settled(name, config)),
    origin: origins.get(name) ?? 'default',
  }));
  const secrets = SECRETS.map(({ name, member }): ConfigLine => {
    const isSet = config[member] !== undefined;
    return {
      name: variableOf(name),
      value: isSet ? '(set)' : '(none)',
      origin: isSet ? 'variable' : 'default',
    };
  });
  return [...settings, ...secrets];
}

function printed(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '(none)';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** Formats a time as its setting is written. @param ms a whole number of minutes */
function timeOf(ms: number): string {
  if (ms % 86_400_000 === 0) return `${ms / 86_400_000}d`;
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${ms / 60_000}m`;
}

function settled(name: SettingName, config: LoadedConfig['config']): unknown {
  const values: Record<SettingName, unknown> = {
    port: config.port,
    host: config.host,
    data: config.dataDir,
    store: storePlace(config.store),
    'store-prefix': config.storePrefix,
    'allow-unsafe-store': config.allowUnsafeStore ? 'yes' : 'no',
    client: config.clients,
    'server-domain': config.serverDomain,
    'allow-host': config.allowedHosts,
    cluster: config.cluster,
    node: config.node,
    'location-hint': config.locationHint,
    'trust-proxy': config.trustedProxies,
    'tls-cert': config.tls?.certFile,
    'tls-key': config.tls?.keyFile,
    'tls-dev': config.tlsDev ? 'yes' : 'no',
    'cors-origin': config.corsOrigins,
    'keep-alive': config.keepAlive,
    journal: config.journal,
    peer: config.peers.map(({ cluster, url }) => `${cluster}=${url}`),
    'edge-timeout': config.edgeTimeout,
    workers: config.workers,
    'max-ids': config.limits.ids,
    'max-merged-bytes': config.limits.mergedBytes,
    changes: config.changes === 'off' ? 'off' : timeOf(config.changes.age),
    'changes-bytes': config.changes === 'off' ? undefined : config.changes.bytes,
    merges: config.merges === 'off' ? 'off' : timeOf(config.merges),
    'backup-every': config.backups === 'off' ? 'off' : timeOf(config.backups.everyMs),
    'backup-to': config.backups === 'off' ? undefined : config.backups.folder,
    'backup-keep': config.backups === 'off' ? undefined : config.backups.keep,
    'webhook-allow': config.webhookAllow,
    'log-level': config.logLevel,
  };
  return values[name];
}
