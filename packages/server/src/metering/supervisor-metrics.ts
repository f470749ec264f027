/**
 * The metrics that only the supervisor of a server can report, in the form in which prom-client's
 * registries report.
 */

/** @param restarts how many workers have been replaced since the server was started */
export function restartMetric(restarts: number): object[] {
  const help = 'Workers that died or were killed and have been replaced since the server was started.';
  return [metric('quiver_worker_restarts_total', help, 'counter', [{ value: restarts, labels: {} }])];
}

/** The state of scheduled backups. */
export interface BackupFacts {
  /** Since the server was started. */
  readonly made: number;
  readonly failed: number;
  /** When the newest one was made, in milliseconds since 1970; undefined when there is none. */
  readonly newestAt: number | undefined;
}

/** The metrics of scheduled backups; the time of the newest one is missing until there is one. */
export function backupMetrics({ made, failed, newestAt }: BackupFacts): object[] {
  const total = metric('quiver_backups_total', 'Scheduled backups since the server was started.', 'counter', [
    { value: made, labels: { outcome: 'made' } },
    { value: failed, labels: { outcome: 'failed' } },
  ]);
  if (newestAt === undefined) return [total];
  const help = 'When the newest scheduled backup was made, in seconds since 1970.';
  const values = [{ value: newestAt / 1000, labels: {} }];
  return [total, metric('quiver_backup_newest_timestamp_seconds', help, 'gauge', values)];
}

function metric(name: string, help: string, type: 'counter' | 'gauge', values: readonly object[]): object {
  return { name, help, type, values, aggregator: type === 'counter' ? 'sum' : 'max' };
}
