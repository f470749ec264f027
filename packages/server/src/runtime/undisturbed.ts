const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Runs the last work of a process; a repeated signal does not interrupt it. */
export async function undisturbed(work: () => Promise<void>): Promise<void> {
  const ignore = () => undefined;
  for (const signal of SIGNALS) process.on(signal, ignore);
  try {
    await work();
  } finally {
    for (const signal of SIGNALS) process.off(signal, ignore);
  }
}
