/**
 * Metrics of what is stored and what waits: profiles, bytes, free space, batches, and how far
 * webhooks are behind the change feed. They are read at each scrape, by one process only, because
 * the sums over all processes are served.
 */

import { statfs } from 'node:fs/promises';
import { Gauge, type Registry } from 'prom-client';
import type { Log } from '../log.ts';
import type { Stores } from '../storage/stores.ts';

export interface StoreMetricsParts {
  readonly stores: Pick<Stores, 'figures' | 'batches' | 'webhooks' | 'changes'>;
  readonly clients: readonly string[];
  /** The folder whose disk is measured. */
  readonly dataDir: string;
  readonly registry: Registry;
  readonly log: Log;
}

/** How many of the latest batches are counted. */
const MAX_BATCHES = 1000;

/** The free space on the disk of a folder. */
export async function freeDiskBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Registers the metrics. */
export function registerStoreMetrics(parts: StoreMetricsParts): void {
  const { stores, clients, dataDir, registry } = parts;
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    measure: (gauge: Gauge<Label>) => Promise<void>,
  ) =>
    new Gauge<Label>({
      ...{ name, help, labelNames, registers: [registry] },
      async collect() {
        this.reset();
        try {
          await measure(this);
        } catch (err) {
          // The metric is then missing; the other metrics are still useful.
          if (labelNames.length === 0) this.remove();
          else this.reset();
          parts.log.warn({ err, metric: name }, 'a metric could not be read');
        }
      },
    });

  gauge('quiver_profiles', 'Stored profiles, expired ones included until they are freed.', [], async (it) =>
    it.set((await stores.figures()).profiles),
  );
  gauge('quiver_store_bytes', 'Size of the store in bytes.', [], async (it) =>
    it.set((await stores.figures()).bytes),
  );
  gauge('quiver_disk_free_bytes', 'Free space on the disk of the data folder.', [], async (it) => {
    it.set(await freeDiskBytes(dataDir));
  });
  gauge('quiver_batches', 'Batches that are not complete.', ['client', 'state'], async (it) => {
    for (const client of clients) {
      const batches = await stores.batches.list(client, MAX_BATCHES);
      for (const state of ['waiting', 'running', 'stuck'] as const) {
        it.set({ client, state }, batches.filter((batch) => batch.state === state).length);
      }
    }
  });
  gauge(
    'quiver_webhook_lag_changes',
    'Changes of all clients that a webhook has not processed yet.',
    ['client', 'webhook'],
    async (it) => {
      for (const client of clients) {
        for (const { id } of await stores.webhooks.list(client)) {
          const progress = await stores.webhooks.progress(client, id);
          const lag = progress && (await stores.changes.lag(progress.cursor));
          if (lag !== undefined) it.set({ client, webhook: id }, lag);
        }
      }
    },
  );
}
