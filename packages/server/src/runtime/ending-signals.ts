/** Each of these stops the server in the same way. */
export const ENDING_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

const ignore = () => undefined;

/**
 * Ignores ending signals until the process ends: its last work is under way, and a repeated Ctrl-C
 * would otherwise end it with a signal instead of its exit code.
 */
export function ignoreEndingSignals(): void {
  for (const signal of ENDING_SIGNALS)
    if (!process.listeners(signal).includes(ignore)) process.on(signal, ignore);
}
