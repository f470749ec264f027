/** `quiver config`: every value of the configuration, and where it came from. */

import { configReport } from '../config/config-report.ts';
import type { LoadedConfig } from '../config/load-config.ts';

/** The report as aligned columns: name, value, origin. */
export function config(loaded: LoadedConfig): string {
  const lines = configReport(loaded);
  const nameWidth = Math.max(...lines.map(({ name }) => name.length));
  const originWidth = Math.max(...lines.map(({ origin }) => origin.length));
  return lines
    .map(({ name, value, origin }) => `${name.padEnd(nameWidth)}  ${origin.padEnd(originWidth)}  ${value}\n`)
    .join('');
}
