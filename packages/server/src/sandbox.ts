/** `quiver-server/sandbox`: Quiver inside a test (contract section 13). */

import type { RunningSandbox, StartSandboxOptions } from './sandbox/public-types.ts';
import { startSandbox as start } from './sandbox/start-sandbox.ts';

export type * from './sandbox/public-types.ts';

/**
 * Starts a sandbox on loopback in this process.
 *
 * @throws QuiverError (rejects) that names the option and its rule; the system's error when it
 *   cannot listen
 */
export const startSandbox: (options?: StartSandboxOptions) => Promise<RunningSandbox> = start;
