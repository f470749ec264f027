/**
 * `quiver sandbox`: Quiver for tests in any language, until a signal ends it (contract section 13).
 */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ConfigError, type LoadedConfig } from '../config/load-config.ts';
import { isLoopback } from '../config/loopback.ts';
import { QuiverError } from '../errors.ts';
import { DataFolderInUse } from '../locks/data-folder-lock.ts';
import { makeLog } from '../log.ts';
import { listenProblem } from '../runtime/supervisor.ts';
import type { RunningSandbox } from '../sandbox/public-types.ts';
import { startFrom } from '../sandbox/start-sandbox.ts';
import { quiverVersion } from '../version.ts';
import { SANDBOX_SETTINGS, type SandboxFlags } from './sandbox-flags.ts';
import { ruleOf, systemProblem } from './system-problem.ts';

/**
 * Seed files that are read from the working folder without being named; the first that exists is
 * used.
 */
const SEED_FILES = ['quiver.seed.yaml', 'quiver.seed.json', 'quiver.seed.ndjson'];

/**
 * Runs until SIGINT, SIGTERM or SIGHUP.
 *
 * @returns the exit code: 0 after a signal, 1 when it cannot listen or another process uses its
 *   folder
 * @throws ConfigError for a setting or a flag that a sandbox does not accept
 */
export async function sandbox(
  { config, origins, unknownVariables }: LoadedConfig,
  flags: SandboxFlags,
): Promise<number> {
  const log = makeLog(config.logLevel);
  for (const name of unknownVariables) log.warn({ variable: name }, 'unknown variable');
  for (const [name, origin] of origins) {
    if (origin !== 'default' && !SANDBOX_SETTINGS.includes(name)) {
      throw new ConfigError(`--${name}: not available in a sandbox`);
    }
  }
  if (!isLoopback(config.host) && flags.beyondLoopback !== true) {
    throw new ConfigError(`--host: ${config.host} is not loopback; --beyond-loopback allows it`);
  }
  const seedFile = flags.seed ?? SEED_FILES.find((name) => existsSync(name));
  const clients = origins.get('client') === 'default' ? ['*'] : config.clients;
  const data = origins.get('data') === 'default' ? undefined : config.dataDir;
  let running: RunningSandbox;
  try {
    const seed = seedFile === undefined ? '' : await readSeedFile(seedFile);
    const { now, ids = 'random' } = flags;
    const start = {
      ...{ clients, seed, ids: ids as 'random' },
      ...(now !== undefined && { now }),
      ...(data !== undefined && { data }),
    };
    running = await startFrom(config, start, log);
  } catch (error) {
    if (error instanceof QuiverError) throw new ConfigError(messageOf(error, seedFile));
    if (error instanceof DataFolderInUse) {
      process.stderr.write(`quiver: ${error.message}\n`);
      return 1;
    }
    if (!(error instanceof Error && 'code' in error)) throw error;
    if ('path' in error) {
      // Without --data the folder is in the system's folder for temporary files.
      throw new ConfigError(`${data === undefined ? 'TMPDIR' : '--data'}: ${systemProblem(error)}`);
    }
    process.stderr.write(`quiver: ${listenProblem(error, config.host, config.port)}\n`);
    return 1;
  }
  process.stdout.write(
    banner(running, { clients, seedFile, data, isTokenShown: config.adminToken === undefined }),
  );
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
    process.once('SIGHUP', resolve);
  });
  await running.close();
  return 0;
}

async function readSeedFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new ConfigError(`--seed: cannot read ${file}: ${ruleOf(code) ?? message}`);
  }
}

/** A refusal names the option of `startSandbox`, which is also the flag, or a place in the seed. */
function messageOf({ message }: QuiverError, seedFile: string | undefined): string {
  if (/^(now|ids|clients?|data):/.test(message)) return `--${message}`;
  return `--seed: ${seedFile ?? ''}: ${message.replace(/^seed: /, '')}`;
}

function banner(
  { url, adminToken }: RunningSandbox,
  {
    clients,
    seedFile,
    data,
    isTokenShown,
  }: {
    clients: readonly string[];
    seedFile: string | undefined;
    data: string | undefined;
    isTokenShown: boolean;
  },
): string {
  const lines = [
    [
      'Quiver',
      `${quiverVersion()}, a sandbox: ${data === undefined ? 'all data is deleted when it ends' : `it stays in ${data}`}`,
    ],
    ['API', url],
    ['Sandbox', `${url}/sandbox`],
    ['Docs', `${url}/docs`],
    ['Console', `${url}/console/`],
    ['Clients', clients.includes('*') ? 'any' : clients.join(', ')],
    ...(seedFile === undefined ? [] : [['Seed', seedFile]]),
    ...(isTokenShown ? [['Admin token', adminToken]] : []),
  ];
  return `${lines.map(([name = '', value]) => `${name.padEnd(12)} ${value}`).join('\n')}\n`;
}
