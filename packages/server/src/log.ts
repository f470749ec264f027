import pino from 'pino';
import type { LogLevel } from './config/config.ts';

export type Log = pino.Logger;

/**
 * The log: JSON lines on stderr with times in ISO 8601. Secrets never reach it: objects that may
 * contain one are not logged whole.
 */
export function makeLog(level: LogLevel, worker?: number): Log {
  return pino(
    {
      level,
      base: { pid: process.pid, ...(worker === undefined ? {} : { worker }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
