/** `quiver worker`: the command that `serve` runs for each of its workers; not for users. */

import type { ServeConfig } from '../config/config.ts';
import type { ConfigLine } from '../config/config-report.ts';
import { ignoreProxies } from '../config/proxies.ts';
import type { Claim } from '../locks/claims.ts';
import { lockDataFolder } from '../locks/data-folder-lock.ts';
import { makeLog } from '../log.ts';
import { currentRuntime } from '../runtime/current-runtime.ts';
import { listenProblem } from '../runtime/supervisor.ts';
import { runWorker } from '../runtime/worker.ts';
import { createServer, type QuiverServer, type ServerRole } from '../server.ts';
import { StoreFormatError } from '../storage/store-format-error.ts';
import { doctorAdvice } from './data-folder-failure.ts';
import { isDamage } from './inspect-store.ts';

/** The supervisor's instructions for a worker. */
export interface Assignment {
  /** Includes the port that was found for all workers. */
  readonly config: ServeConfig;
  readonly adminToken: string;
  readonly signingKey: string;
  readonly version: string;
  /** When the server was started, in epoch milliseconds. */
  readonly startedAt: number;
  readonly configuration: readonly ConfigLine[];
  /** The worker's place, from 0. */
  readonly place: number;
  readonly role: ServerRole;
}

export async function worker(): Promise<void> {
  ignoreProxies();
  const runtime = await currentRuntime();
  runWorker<Assignment>({
    create({ config, place, ...assignment }, supervisor) {
      const log = makeLog(config.logLevel, place);
      const parts = {
        ...assignment,
        config,
        place,
        runtime,
        log,
        ...supervisor,
      };
      return { server: holdingDataFolder(config.dataDir, createServer(parts)), log };
    },
    explain(error, { config }) {
      if (error instanceof StoreFormatError) {
        return { reason: error.message, exitCode: StoreFormatError.exitCode };
      }
      const isOfListening = error instanceof Error && 'syscall' in error && error.syscall === 'listen';
      if (isOfListening) return { reason: listenProblem(error, config.host, config.port), exitCode: 1 };
      const reason = error instanceof Error ? error.message : String(error);
      const advice = isDamage(error) ? `; ${doctorAdvice(config.dataDir)}` : '';
      return { reason: `${reason}${advice}`, exitCode: 1 };
    },
  });
}

/**
 * A worker also holds the lock of the data folder itself, because after its supervisor was killed
 * it still runs while it drains.
 */
function holdingDataFolder(dataDir: string, server: QuiverServer): QuiverServer {
  let lock: Claim | undefined;
  return {
    ...server,
    async start() {
      lock = await lockDataFolder(dataDir, 'serve');
      await server.start();
    },
    async close() {
      await server.close();
      await lock?.release();
    },
  };
}
