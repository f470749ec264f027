const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Does what is left to do at the end of a process; a signal that comes again meanwhile does not cut it short. */
export async function undisturbed(work: () => Promise<void>): Promise<void> {
  const ignore = () => undefined;
  for (const signal of SIGNALS) process.on(signal, ignore);
  try {
    await work();
  } finally {
    for (const signal of SIGNALS) process.off(signal, ignore);
  }
}
