/** The callback of a privacy request that has to wait for another edge cluster (section 22). */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CallbackTarget, startCallbackTarget } from './callback-target.ts';
import { type EdgeCluster, type EdgeClusters, startEdges } from './edge-clusters.ts';
import type { Json } from './in-process.ts';
import { until } from './until.ts';

let target: CallbackTarget;
let edges: EdgeClusters;
beforeEach(async () => {
  target = await startCallbackTarget();
  edges = await startEdges([17, 28], { flagsOf: () => ['--webhook-allow', '127.0.0.1'] });
});
afterEach(async () => {
  await edges?.stop();
  await target.close();
});

test('is sent once, when all clusters have done their part, even if the server was killed before', async () => {
  const [a, b] = edges.clusters as [EdgeCluster, EdgeCluster];
  await b.kill();
  const { url } = target;
  const body = JSON.stringify({ type: 'suppress', identities: [{ tntId: 'somebody' }], callback: url });
  const request = async (): Promise<Json> =>
    (await a.admin('privacy/requests', { method: 'POST', body })).json();
  // A lookup of the id needs the other cluster, so the request waits.
  const { id } = await request();
  const shown = async (): Promise<Json> => (await a.admin(`privacy/requests/${id}`)).json();
  expect(await shown()).toMatchObject({ state: 'running', callback: { state: 'waiting', url, attempts: 0 } });
  await a.kill();
  await a.restart();
  expect(await shown()).toMatchObject({ state: 'running', callback: { state: 'waiting', url, attempts: 0 } });
  expect(target.received).toEqual([]);
  await b.restart();
  await until('the callback is delivered', async () => (await shown()).callback.state === 'delivered');
  expect(await shown()).toMatchObject({ state: 'complete', callback: { url: null, attempts: 1 } });
  expect(target.received.map((one) => one.id)).toEqual([`msg_${id}`]);
  expect(JSON.parse(target.received[0]!.body).data).toMatchObject({ id, state: 'complete' });
});
