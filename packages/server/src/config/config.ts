/**
 * The configuration of `quiver serve`: read once, checked, frozen. `settings.ts` and
 * `load-config.ts` define how the values are read from flags, variables and the file.
 */

/** How tntIds and `edgeHost` name the cluster (contract section 8). */
import type { ProfileLimits } from '../domain/profile-limits.ts';
import type { StoreLocation } from './store-location.ts';

export type LocationHint = 'none' | 'cluster' | 'adobe';

/** `trace` and `fatal` are left out because Quiver never logs at these levels. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/** Another edge cluster (contract section 8). */
export interface Peer {
  readonly cluster: number;
  readonly url: string;
}

/** Backups that a server makes by itself. */
export interface BackupSchedule {
  /** The milliseconds from one backup to the next. */
  readonly everyMs: number;
  /** The folder that holds the backups, absolute. */
  readonly folder: string;
  /** How many are kept, 1 to 1000. */
  readonly keep: number;
}

/**
 * The whole configuration (contract section 11). Paths are absolute; lists contain no duplicates.
 */
export interface ServeConfig {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Folder of the embedded store, the admin token and the signing key. */
  readonly dataDir: string;
  readonly store: StoreLocation;
  /** The prefix of the keys in a Redis store. */
  readonly storePrefix: string;
  /** Whether to start on a Redis store that may lose acknowledged writes. */
  readonly allowUnsafeStore: boolean;
  /** Client codes served, at least one; the first is the default client (contract section 2). */
  readonly clients: readonly string[];
  /** Lower case, without a leading dot. */
  readonly serverDomain: string;
  /**
   * Further names, in lower case, that the server accepts; `*.example.com` stands for all names
   * under it.
   */
  readonly allowedHosts: readonly string[];
  readonly cluster: number;
  readonly node: number;
  readonly locationHint: LocationHint;
  /** Addresses or CIDR ranges whose `X-Forwarded-*` headers are trusted. */
  readonly trustedProxies: readonly string[];
  /** Both PEM files, or undefined for plain http. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Whether to serve https with a certificate made for this machine; excludes `tls`. */
  readonly tlsDev: boolean;
  /** Origins, as browsers send them, whose pages may call the profile APIs. */
  readonly corsOrigins: readonly string[];
  readonly peers: readonly Peer[];
  /** How long a lookup in another cluster may take, in milliseconds. */
  readonly edgeTimeout: number;
  /** Shared by all clusters; set whenever there are peers. */
  readonly edgeSecret: string | undefined;
  /** Number of serving processes, 1 to 64. */
  readonly workers: number;
  /** How many seconds an idle connection stays open, 1 to 3600. */
  readonly keepAlive: number;
  /**
   * For how many calls each worker keeps head and outcome; 0 keeps none, and `refused` only the
   * last that were refused.
   */
  readonly journal: number | 'refused';
  /** How large one profile may become by linking. */
  readonly limits: ProfileLimits;
  /** How long changes are kept for the change feed, or `off` for no feed (contract section 18). */
  readonly changes: { readonly age: number; readonly bytes: number } | 'off';
  /** How many milliseconds merges are kept, or `off` for none (contract section 20). */
  readonly merges: number | 'off';
  /** Which backups the server makes by itself, or `off` for none (contract section 11). */
  readonly backups: BackupSchedule | 'off';
  /**
   * Private addresses or CIDR ranges that webhooks may reach nevertheless (contract section 19).
   */
  readonly webhookAllow: readonly string[];
  readonly logLevel: LogLevel;
  /** `QUIVER_ADMIN_TOKEN`; undefined means the one in `dataDir`. */
  readonly adminToken: string | undefined;
  /** `QUIVER_STORE_PASSWORD`; takes precedence over the one in `--store`. */
  readonly storePassword: string | undefined;
  /**
   * `QUIVER_SIGNING_KEY`; undefined means one derived from the edge secret, else the one in
   * `dataDir`.
   */
  readonly signingKey: string | undefined;
}
