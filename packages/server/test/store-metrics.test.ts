/** Metrics of the store, and the dashboard that shows them. */

import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { registerStoreMetrics } from '../src/metering/store-metrics.ts';
import { backupMetrics, restartMetric } from '../src/metering/supervisor-metrics.ts';
import { ADMIN_TOKEN, type InProcess, openInProcess } from './in-process.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };

let quiver: InProcess;
let registry: Registry;
beforeEach(async () => {
  quiver = await openInProcess();
  registry = new Registry();
  registerStoreMetrics({
    ...{ stores: quiver.stores, clients: ['demo'], dataDir: tmpdir(), registry },
    log: pino({ level: 'silent' }),
  });
});
afterEach(() => quiver.close());

const numberOf = (text: string, name: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      ?.split(' ')[1],
  );

test('the metrics show profiles, bytes, free space, batches, and how far a webhook is behind', async () => {
  const made = await quiver.ask('POST', '/demo/target/webhooks', {
    headers,
    body: { url: 'http://127.0.0.1:9/' },
  });
  expect(made.status).toBe(201);
  await quiver.visit({ thirdPartyId: 'crm-1' }, { plan: 'gold' });
  const text = await registry.metrics();
  expect(numberOf(text, 'quiver_profiles')).toBe(1);
  expect(numberOf(text, 'quiver_store_bytes')).toBeGreaterThan(0);
  expect(numberOf(text, 'quiver_disk_free_bytes')).toBeGreaterThan(0);
  expect(text).toContain('quiver_batches{client="demo",state="stuck"} 0');
  expect(text).toContain(`webhook="${made.json.id}"`);
  expect(numberOf(text, 'quiver_webhook_lag_changes')).toBeGreaterThan(0);
});

test('the dashboard uses only metrics that are served', async () => {
  await quiver.visit({ thirdPartyId: 'crm-1' }, { plan: 'gold' });
  const served = `${await registry.metrics()}${(await quiver.ask('GET', '/metrics')).text}`;
  const ofSupervisor = [...restartMetric(0), ...backupMetrics({ made: 0, failed: 0, newestAt: 0 })];
  const names = new Set([
    ...[...served.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!),
    ...ofSupervisor.map((metric) => (metric as { name: string }).name),
  ]);
  const dashboard = await readFile(new URL('../../../deploy/grafana.json', import.meta.url), 'utf8');
  const { panels } = JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] };
  const used = panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/\b(quiver|http)_\w+/g) ?? []),
  );
  expect(used.length).toBeGreaterThan(5);
  expect(used).toContain('quiver_worker_restarts_total');
  for (const name of used) expect([...names], name).toContain(name.replace(/_(bucket|sum|count)$/, ''));
});
