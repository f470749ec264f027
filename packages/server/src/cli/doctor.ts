/** `quiver doctor`: looks at all that Quiver stands on, and changes nothing but what it can take back. */

import type { ServeConfig } from '../config/config.ts';
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

/** Runs every check; one that cannot be made is a problem itself. */
export async function diagnose(config: ServeConfig): Promise<Finding[]> {
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
