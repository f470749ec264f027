/** `quiver serve --demo`: example data, and never among a user's own data. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Quiver, type RuntimeName, runQuiver, startQuiver } from './start-quiver.ts';

const RUNTIMES: readonly RuntimeName[] = ['bun', 'node'];

interface BatchReply {
  readonly state: string;
  readonly successful: number;
  readonly notFound: number;
  readonly failed: number;
}

async function dataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-demo-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(runtime: RuntimeName, folder: string, ...flags: string[]): Promise<Quiver> {
  const quiver = await startQuiver({ runtime, dataDir: folder, flags: ['--workers', '1', ...flags] });
  onTestFinished(async () => void (await quiver.stop()));
  return quiver;
}

async function ask<Reply>({ url, adminToken }: Quiver, path: string): Promise<Reply> {
  const response = await fetch(`${url}/demo/target/${path}`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  expect(response.status, path).toBe(200);
  return (await response.json()) as Reply;
}

describe.each(RUNTIMES)('the demonstration on %s', (runtime) => {
  test('fills an empty client once, with visitors, persons, batches and a month of usage', async () => {
    const folder = await dataDir();
    const quiver = await start(runtime, folder, '--demo');
    expect(quiver.stdout()).toMatch(/^Demo +demo was filled .* look for crm-1001/m);

    const person = await ask<{ ids: { kind: string }[]; attributes: { name: string }[] }>(
      quiver,
      'profiles?id=crm-1001',
    );
    expect(person.ids.map(({ kind }) => kind).sort()).toEqual([
      'marketingCloudVisitorId',
      'thirdPartyId',
      'tntId',
      'tntId',
      'tntId',
    ]);
    expect(person.attributes.length).toBeGreaterThan(10);

    const { batches } = await vi.waitFor(
      async () => {
        const reply = await ask<{ batches: BatchReply[] }>(quiver, 'batches');
        expect(reply.batches.map(({ state }) => state)).toEqual(['complete', 'complete', 'complete']);
        return reply;
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(batches).toMatchObject([
      { successful: 38, notFound: 0, failed: 3 },
      { successful: 53, notFound: 27, failed: 0 },
      { successful: 400, notFound: 0, failed: 0 },
    ]);

    const to = new Date().toISOString().slice(0, 10);
    const from = new Date(Date.now() - 29 * 86_400_000).toISOString().slice(0, 10);
    const usage = await ask<{ days: { mboxCalls: number; profileApiCalls: { fetches: number } }[] }>(
      quiver,
      `usage?from=${from}&to=${to}`,
    );
    expect(usage.days).toHaveLength(30);
    // The last day has only the hours that have passed.
    for (const day of usage.days.slice(0, -1)) {
      expect(day.mboxCalls).toBeGreaterThan(1000);
      expect(day.profileApiCalls.fetches).toBeGreaterThan(1000);
    }
    await quiver.stop();

    const again = await start(runtime, folder, '--demo');
    expect(again.stdout()).toMatch(/^Demo +demo already has data in the store/m);
    expect(await ask(again, `usage?from=${from}&to=${to}`)).toEqual(usage);
    expect(await ask<{ batches: unknown[] }>(again, 'batches')).toMatchObject({ batches: { length: 3 } });
  });

  test('leaves a client with one visitor unchanged', async () => {
    const folder = await dataDir();
    const first = await start(runtime, folder);
    expect(first.stdout()).not.toMatch(/^Demo/m);
    await fetch(`${first.url}/rest/v1/delivery?client=demo&sessionId=s1`, {
      method: 'POST',
      body: '{"context":{"channel":"web"},"id":{"thirdPartyId":"mine"}}',
    });
    await first.stop();

    const quiver = await start(runtime, folder, '--demo');
    expect(quiver.stdout()).toMatch(/^Demo +demo already has data in the store/m);
    expect(await ask(quiver, 'server')).toMatchObject({ store: { profiles: 1 } });
    expect(await ask(quiver, 'batches')).toMatchObject({ batches: [] });
  });
});

test('quiver serve lists --demo in its help and its completion', async () => {
  expect((await runQuiver(['serve', '--help'])).stdout).toContain('--demo');
  expect((await runQuiver(['completion', 'bash'])).stdout).toContain('--demo');
});
