/** The metric that only the supervisor of a server can report. */

/**
 * `quiver_worker_restarts_total` in the form in which prom-client's registries report.
 *
 * @param restarts how many workers have been replaced since the server was started
 */
export function restartMetric(restarts: number): object[] {
  return [
    {
      name: 'quiver_worker_restarts_total',
      help: 'Workers that died or were killed and have been replaced since the server was started.',
      type: 'counter',
      values: [{ value: restarts, labels: {} }],
      aggregator: 'sum',
    },
  ];
}
