/** `quiver doctor`: checks what Quiver depends on, and changes nothing that it cannot undo. */

import type { ServeConfig } from '../config/config.ts';
import type { Claim } from '../locks/claims.ts';
import { DataFolderInUse, lockDataFolder } from '../locks/data-folder-lock.ts';
import { checkClock, checkFolder, checkSpace, checkStore } from './doctor-data-folder.ts';
import type { Finding } from './doctor-finding.ts';
import { checkEngine, checkLimits, checkProgram, checkReach } from './doctor-surroundings.ts';

type Check = (config: ServeConfig) => Promise<Finding | Finding[]>;

/** In the order in which they are shown. */
const CHECKS: Readonly<Record<string, Check>> = {
  program: checkProgram,
  'data folder': checkFolder,
  'free space': checkSpace,
  store: checkStore,
  clock: checkClock,
  limits: checkLimits,
  engine: checkEngine,
  reach: checkReach,
};

/**
 * Runs every check; a check that fails to run is itself a problem. While a restore uses the data
 * folder, only that is reported.
 */
export async function diagnose(config: ServeConfig): Promise<Finding[]> {
  let lock: Claim | undefined;
  try {
    lock = await lockDataFolder(config.dataDir, 'doctor');
  } catch (error) {
    if (error instanceof DataFolderInUse)
      return [{ name: 'data folder', state: 'problem', text: error.message }];
    // The folder is missing or unreadable; the checks report that.
  }
  try {
    return await runChecks(config);
  } finally {
    await lock?.release();
  }
}

async function runChecks(config: ServeConfig): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    try {
      findings.push(...[await check(config)].flat());
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      findings.push({ name, state: 'problem', text: text.replaceAll(/\s+/g, ' ') });
    }
  }
  return findings;
}

/** @returns 0 when there is no problem, else 1 */
export function exitCodeFor(findings: readonly Finding[]): number {
  return findings.some(({ state }) => state === 'problem') ? 1 : 0;
}
