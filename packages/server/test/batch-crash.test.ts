/**
 * A server that is killed at any point of a batch continues it, with the same result as an
 * undisturbed run (contract section 6).
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { attributesIn } from '../src/storage/conformance/attributes-in.ts';
import { openLmdbStores } from '../src/storage/lmdb/open-lmdb-stores.ts';
import type { Stores } from '../src/storage/stores.ts';
import { openInProcess } from './in-process.ts';
import { type Quiver, type RuntimeName, startQuiver } from './start-quiver.ts';

/** Enough rows that most kills happen in the middle. */
const ROWS = 60_000;
const PROFILES = 3000;
/**
 * Servers that are killed in parallel, on both runtimes, because most of the time each waits for
 * the lease of its dead predecessor to end.
 */
const SERVERS = 4;
const KILLS_EACH = 5;

/** Duplicates that overwrite one another, skipped rows, and rows that fail for four reasons. */
function file(): string {
  const lines = ['batch=thirdPartyId,a,b,last'];
  for (let n = 0; n < ROWS; n += 1) {
    const id = `p${(n * 7919) % PROFILES}`;
    if (n % 97 === 0) lines.push(`${id},,,`);
    else if (n % 101 === 0) lines.push(`,no id ${n}`);
    else if (n % 103 === 0) lines.push(`${id},1,2,3,4`);
    else if (n % 107 === 0) lines.push(`${id},%zz`);
    else if (n % 1009 === 0) lines.push(`${id},${'x'.repeat(70_000)}`);
    else lines.push(`${id},a${n},${n % 3 === 0 ? `b${n}` : ''},${n}`);
  }
  return lines.join('\n');
}

interface Outcome {
  readonly profiles: Record<string, string>[];
  readonly counts: object;
  readonly failures: object[];
}

async function outcomeOf(stores: Stores, id: string): Promise<Outcome> {
  const profiles: Record<string, string>[] = [];
  for (let n = 0; n < PROFILES; n += 1) {
    const profile = await stores.profiles.find('demo', { kind: 'thirdPartyId', value: `p${n}` }, Date.now());
    const attributes = profile ? attributesIn(profile.attributes) : [];
    profiles.push(Object.fromEntries(attributes.map(({ name, value }) => [name, value]).sort()));
  }
  const { state, rows, progress } = (await stores.batches.find('demo', id))!;
  return {
    profiles,
    counts: { state, rows, ...progress },
    failures: await stores.batches.failures('demo', id, 0, ROWS),
  };
}

const idIn = (text: string) => /batchId=([^<]+)</.exec(text)![1]!;
const consumedIn = (text: string) => Number(/<consumedCount>(\d+)</.exec(text)![1]);

let folder: string;
let undisturbed: Outcome;
const running = new Set<Quiver>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-crash-'));
  const quiver = await openInProcess();
  const id = idIn((await quiver.ask('POST', '/m2/demo/v2/profile/batchUpdate', { body: file() })).text);
  await vi.waitFor(
    async () => expect((await quiver.stores.batches.find('demo', id))?.state).toBe('complete'),
    { timeout: 20_000 },
  );
  undisturbed = await outcomeOf(quiver.stores, id);
  await quiver.close();
});
afterAll(async () => {
  for (const quiver of running) await quiver.kill();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Kills a server whenever a random share of the rows is done; returns how many rows were done at
 * each kill, and the result.
 */
async function killedRun(
  name: string,
  runtime: RuntimeName,
): Promise<{ killedAt: number[]; outcome: Outcome }> {
  const dataDir = join(folder, name);
  const start = async () => {
    const flags = ['--workers', '1', '--log-level', 'error'];
    const quiver = await startQuiver({ runtime, dataDir, flags });
    running.add(quiver);
    return quiver;
  };
  let quiver = await start();
  const upload = await fetch(`${quiver.url}/m2/demo/v2/profile/batchUpdate`, {
    method: 'POST',
    body: file(),
  });
  const id = idIn(await upload.text());
  const status = async () =>
    (await fetch(`${quiver.url}/m2/demo/profile/batchStatus?batchId=${id}&showDetails=true`)).text();

  const targets = Array.from({ length: KILLS_EACH }, () => Math.floor(Math.random() * ROWS * 0.9)).sort(
    (a, b) => a - b,
  );
  const killedAt: number[] = [];
  for (const target of targets) {
    const before = killedAt.at(-1) ?? -1;
    let consumed = -1;
    // Every run after the first does some of the work, so that each kill is at a different point.
    while (consumed < target || consumed <= before) {
      const text = await status();
      consumed = consumedIn(text);
      if (text.includes('<status>complete<')) break;
    }
    await quiver.kill();
    running.delete(quiver);
    killedAt.push(consumed);
    quiver = await start();
  }
  await vi.waitFor(async () => expect(await status()).toContain('<status>complete<'), { timeout: 20_000 });
  await quiver.stop();
  running.delete(quiver);
  const stores = await openLmdbStores({ path: join(dataDir, 'store') });
  const outcome = await outcomeOf(stores, id);
  await stores.close();
  return { killedAt, outcome };
}

test('after kills at 20 random points, the final state and every count equal those of an undisturbed run', async () => {
  expect(undisturbed.counts).toMatchObject({ state: 'complete', rows: ROWS, consumed: ROWS });
  expect(undisturbed.failures.length).toBeGreaterThan(500);
  const runs = await Promise.all(
    Array.from({ length: SERVERS }, (_, n) => killedRun(`server-${n}`, n % 2 === 0 ? 'bun' : 'node')),
  );
  for (const { outcome, killedAt } of runs) {
    const seed = `killed at rows ${killedAt}`;
    expect(outcome.counts, seed).toEqual(undisturbed.counts);
    expect(outcome.failures, seed).toEqual(undisturbed.failures);
    expect(outcome.profiles, seed).toEqual(undisturbed.profiles);
  }
  const inTheMiddle = runs.flatMap(({ killedAt }) => killedAt).filter((at) => at < ROWS);
  expect(inTheMiddle.length).toBeGreaterThanOrEqual((SERVERS * KILLS_EACH) / 2);
}, 90_000);
