/** `quiver serve`: starts the server and prints its address. */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { ADMIN_TOKEN_FILE, type AdminToken, ensureAdminToken } from '../access/admin-token.ts';
import { ensureSigningKey } from '../access/signing-key.ts';
import type { ServeConfig } from '../config/config.ts';
import { configReport } from '../config/config-report.ts';
import { ConfigError, type LoadedConfig } from '../config/load-config.ts';
import { isLoopback } from '../config/loopback.ts';
import { ignoreProxies } from '../config/proxies.ts';
import { storePlace } from '../config/store-location.ts';
import { embedded } from '../embedded.ts';
import type { Claim } from '../locks/claims.ts';
import { DataFolderInUse, lockDataFolder } from '../locks/data-folder-lock.ts';
import { type Log, makeLog } from '../log.ts';
import { restartMetric } from '../metering/supervisor-metrics.ts';
import { currentRuntime } from '../runtime/current-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { portProblem, supervise } from '../runtime/supervisor.ts';
import { temporaryFolderProblem } from '../runtime/temporary-folder.ts';
import type { ServerRole } from '../server.ts';
import { LOCK_FILE } from '../storage/store-file-names.ts';
import { StoreFormatError } from '../storage/store-format-error.ts';
import { quiverVersion, runtimeVersion } from '../version.ts';
import { doctorAdvice } from './data-folder-failure.ts';
import { STORE_FOLDER } from './data-folder-names.ts';
import type { DevCertificate } from './dev-certificate.ts';
import { openDoors } from './exposure.ts';
import { ScheduledBackups } from './scheduled-backups.ts';
import { systemProblem } from './system-problem.ts';
import type { Assignment } from './worker.ts';

const CANNOT_LISTEN = 1;

/**
 * Serves until a signal ends it.
 *
 * @param demo whether to fill the first client with example data; false by default
 * @returns the exit code: 0 after a signal, when every worker ended cleanly
 * @throws ConfigError when the certificate or the data folder cannot be used
 */
export async function serve(
  loaded: LoadedConfig,
  { demo = false }: { demo?: boolean } = {},
): Promise<number> {
  ignoreProxies();
  const { config: wanted, unknownVariables, origins } = loaded;
  const runtime = await currentRuntime();
  const config = runtime.sharesPort ? wanted : { ...wanted, workers: 1 };
  const log = makeLog(config.logLevel);
  for (const name of unknownVariables) log.warn({ variable: name }, 'unknown variable');
  await checkTls(config.tls);
  // Checked before anything is written, because an accidental second start must leave no trace.
  const problem = engineProblem(config) ?? (await portProblem(config.host, config.port));
  if (problem !== undefined) {
    process.stderr.write(`quiver: ${problem}\n`);
    return CANNOT_LISTEN;
  }
  let lock: Claim;
  try {
    lock = await lockedDataFolder(config);
  } catch (error) {
    if (!(error instanceof DataFolderInUse)) throw error;
    process.stderr.write(`quiver: ${error.message}\n`);
    return CANNOT_LISTEN;
  }
  try {
    return await serveFrom(runtime, { config, origins, unknownVariables }, log, demo);
  } finally {
    await lock.release();
  }
}

/**
 * An executable unpacks its engine when it starts. A problem is reported once here; otherwise each
 * worker would crash.
 */
function engineProblem({ store }: ServeConfig): string | undefined {
  return embedded() !== undefined && store.kind === 'lmdb' ? temporaryFolderProblem() : undefined;
}

/** Serves from a data folder that this process has locked. */
async function serveFrom(runtime: Runtime, loaded: LoadedConfig, log: Log, demo: boolean): Promise<number> {
  const { config } = loaded;
  const { admin, signingKey } = await openDataFolder(config);
  const devCertificate = config.tlsDev ? await devCertificateOf(config) : undefined;
  const version = quiverVersion();
  const startedAt = Date.now();
  const configuration = configReport(loaded);
  const demonstration = demo ? await demonstrate(config, log, startedAt) : undefined;
  const warnings = isLoopback(config.host) ? [] : await doorsOf(config);
  const backups =
    config.backups === 'off' ? undefined : new ScheduledBackups(config.backups, config.dataDir, log);
  const ending = await supervise<Assignment>({
    runtime,
    // One additional worker does background work, so that a batch does not delay requests.
    workers: config.workers + 1,
    listening: config.workers,
    roleOf: (place) => roleOf(config, place),
    host: config.host,
    port: config.port,
    log,
    ...(config.store.kind === 'lmdb' && {
      writerLockFile: join(config.dataDir, STORE_FOLDER, LOCK_FILE),
      crashAdvice: `; the store may be damaged, ${doctorAdvice(config.dataDir)}`,
    }),
    assignmentFor: (place, port) => ({
      config: { ...config, port, tls: devCertificate ?? config.tls },
      adminToken: admin.token,
      signingKey,
      version,
      startedAt,
      configuration,
      place,
      role: roleOf(config, place),
    }),
    reportOf: (about, restarts) =>
      about === 'metrics' ? [...restartMetric(restarts), ...(backups?.metrics() ?? [])] : undefined,
    onServing: (port) => {
      process.stdout.write(
        banner({ ...config, port }, { admin, version, warnings, demonstration, devCertificate }),
      );
      backups?.start();
    },
  });
  await backups?.stop();
  if (ending.reason !== undefined) process.stderr.write(`quiver: ${ending.reason}\n`);
  return ending.exitCode;
}

function roleOf({ workers }: ServeConfig, place: number): ServerRole {
  return place < workers ? 'serving' : 'background';
}

interface BannerFacts {
  readonly admin: AdminToken;
  readonly version: string;
  readonly warnings: readonly string[];
  /** The outcome of `--demo`. */
  readonly demonstration: string | undefined;
  readonly devCertificate: DevCertificate | undefined;
}

/**
 * What a user needs to know at the start; the admin token itself only at the first start, on a
 * terminal (contract section 11).
 */
function banner(config: ServeConfig, facts: BannerFacts): string {
  const { admin, version, warnings, demonstration, devCertificate } = facts;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const url = `${config.tls || devCertificate ? 'https' : 'http'}://${host}:${config.port}`;
  const lines = [
    ['Quiver', `${version} on ${runtimeVersion()}`],
    ['API', url],
    ['Docs', `${url}/docs`],
    ['Console', `${url}/console/`],
    ['Clients', config.clients.join(', ')],
    ['Store', config.store.kind === 'lmdb' ? `lmdb in ${config.dataDir}` : storePlace(config.store)],
    ['Admin token', tokenPlace(config, admin)],
    ...(devCertificate
      ? [['Certificate', `trust ${devCertificate.authorityFile} once, see the guide Running Quiver, TLS`]]
      : []),
    ...(demonstration === undefined ? [] : [['Demo', demonstration]]),
    ...warnings.map((warning) => ['Warning', warning]),
  ];
  return `${lines.map(([name = '', value]) => `${name.padEnd(12)} ${value}`).join('\n')}\n`;
}

/**
 * Where the admin token is; a new one itself on a terminal. Elsewhere standard output is usually
 * kept, as a log or by a service manager, where a secret must not be.
 */
function tokenPlace({ dataDir, adminToken }: ServeConfig, { token, created }: AdminToken): string {
  const file = join(dataDir, ADMIN_TOKEN_FILE);
  if (created && process.stdout.isTTY) return `${token} (shown this once, kept in ${file})`;
  return adminToken === undefined ? `in ${file}` : 'the one in QUIVER_ADMIN_TOKEN';
}

/** Opens the store briefly, before the workers do. */
async function doorsOf(config: ServeConfig): Promise<string[]> {
  const doors = await beforeWorkers(config, async () => {
    // Imported only here, because the supervisor does not need the server's parts otherwise.
    const { openStores } = await import('../server.ts');
    const stores = await openStores(config);
    try {
      return await openDoors(config, stores.clients);
    } finally {
      await stores.close();
    }
  });
  return doors ?? [];
}

function demonstrate(config: ServeConfig, log: Log, now: number): Promise<string | undefined> {
  return beforeWorkers(config, async () => {
    const { fillDemo } = await import('./demo.ts');
    return fillDemo(config, log, now);
  });
}

/**
 * Undefined when the store has another format; the workers report that, with the matching exit
 * code.
 */
async function beforeWorkers<Result>(
  config: ServeConfig,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreFormatError) return undefined;
    throw new ConfigError(`${config.store.kind === 'lmdb' ? '--data' : '--store'}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Creates the data folder if it is missing, and locks it against a restore. */
async function lockedDataFolder({ dataDir }: ServeConfig): Promise<Claim> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return await lockDataFolder(dataDir, 'serve');
  } catch (error) {
    if (error instanceof DataFolderInUse) throw error;
    throw new ConfigError(`--data: ${reasonOf(error)}`, { cause: error });
  }
}

async function openDataFolder(config: ServeConfig): Promise<{ admin: AdminToken; signingKey: string }> {
  try {
    return {
      admin: await ensureAdminToken(config.dataDir, config.adminToken),
      signingKey: await ensureSigningKey(config.dataDir, config),
    };
  } catch (error) {
    throw new ConfigError(`--data: ${reasonOf(error)}`, { cause: error });
  }
}

async function devCertificateOf(config: ServeConfig): Promise<DevCertificate> {
  try {
    // Imported only here, because a server with its own certificate never needs the library.
    const { ensureDevCertificate } = await import('./dev-certificate.ts');
    return await ensureDevCertificate(config);
  } catch (error) {
    throw new ConfigError(`--tls-dev: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * Every worker would fail with an invalid certificate; this reports it once, before any worker is
 * started.
 */
async function checkTls(tls: ServeConfig['tls']): Promise<void> {
  if (tls === undefined) return;
  const cert = await readPem('--tls-cert', tls.certFile);
  const key = await readPem('--tls-key', tls.keyFile);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const reason = `${tls.certFile} and ${tls.keyFile} make no certificate with its key: ${reasonOf(error)}`;
    throw new ConfigError(`--tls-cert: ${reason}`, { cause: error });
  }
}

async function readPem(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${flag}: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const text = systemProblem(error) ?? (error instanceof Error ? error.message : String(error));
  return text.replaceAll(/\s+/g, ' ');
}
