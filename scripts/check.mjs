/** `npm run check`: the quick checks. */

import { installPackages } from './setup.mjs';

installPackages();
const { runChecks } = await import('./checks.mjs');
process.exitCode = runChecks().failed === 0 ? 0 : 1;
