/**
 * Kills bulk updates at random points: runs `packages/server/test/batch-crash.test.ts`, which is
 * part of every `npm test`, on a chosen server.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, SERVER } from '../scripts/setup.mjs';
import { sabotageEnv } from './quiver-process.mjs';

export default {
  name: 'bulk-kill',
  bar: '20 random points: end state and counts equal to the undisturbed run',
  sizes: { short: { runs: 1 }, long: { runs: 1 } },
  sabotages: { 'lagging-progress': { runs: 1 } },
  async run(_, { sabotage }) {
    const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
    const args = [vitest, 'run', '--config', 'vitest.e2e.config.ts', 'test/batch-crash.test.ts'];
    // Only the servers on Bun that the test starts get the sabotage, not the test itself.
    const { BUN_OPTIONS } = sabotageEnv(sabotage);
    const env = { ...process.env, NO_COLOR: '1', ...(BUN_OPTIONS && { BUN_OPTIONS }) };
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: SERVER, env, encoding: 'utf8' });
    const problems =
      status === 0 ? [] : [/^.*(AssertionError|Error): .*$/m.exec(stdout)?.[0] ?? stdout.slice(-500)];
    return { seen: { kills: 20, differences: status === 0 ? 0 : 'some' }, problems, isMet: status === 0 };
  },
};
