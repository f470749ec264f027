/** Assumes that there is always space. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { statfsSync } = fs;
fs.statfsSync = (...args) => ({ ...statfsSync(...args), bavail: 2 ** 40 });
syncBuiltinESMExports();
