/**
 * How old cached settings and tokens may be (contract section 9): with a store that counts changes
 * on this machine, and with one across a network.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { QuiverError } from '../errors.ts';
import { type ClientRecord, type ClientStore, NO_CLIENT_RECORD } from '../storage/kept/client-store.ts';
import { ClientAccess } from './client-access.ts';

const CLIENT = 'demo';

/** A store as other processes change it; {@link KeptRecord.asked} counts the questions. */
class KeptRecord implements ClientStore {
  record: ClientRecord = NO_CLIENT_RECORD;
  asked = 0;
  isAway = false;
  readonly changes: (() => number) | undefined;

  constructor(counts: boolean) {
    this.changes = counts ? () => this.record.revision : undefined;
  }

  async find(): Promise<ClientRecord> {
    this.asked += 1;
    if (this.isAway) throw new QuiverError('unavailable', 'the store is away');
    return this.record;
  }

  async replace(_client: string, record: ClientRecord): Promise<boolean> {
    this.record = { ...record, revision: record.revision + 1 };
    return true;
  }

  /** Another process changes a setting. */
  async changeElsewhere(isOn: boolean): Promise<void> {
    const json = JSON.stringify({ enableProfileApiAuthentication: isOn });
    await this.replace(CLIENT, { ...this.record, settings: { json, changedAt: 1 } });
  }
}

const accessTo = (clients: ClientStore) =>
  new ClientAccess({ clients, tokenKey: new Uint8Array(32), now: Date.now });
const isOn = async (access: ClientAccess) =>
  (await access.current(CLIENT)).settings.enableProfileApiAuthentication;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('where the store counts changes, a change made elsewhere applies from the next request', async () => {
  const store = new KeptRecord(true);
  const access = accessTo(store);
  expect(await isOn(access)).toBe(false);
  await store.changeElsewhere(true);
  expect(await isOn(access)).toBe(true);
  expect(await isOn(access)).toBe(true);
  expect(store.asked).toBe(2);
});

describe('when the store is across a network', () => {
  let store: KeptRecord;
  let access: ClientAccess;
  beforeEach(async () => {
    store = new KeptRecord(false);
    access = accessTo(store);
    expect(await isOn(access)).toBe(false);
    await store.changeElsewhere(true);
  });

  test('a change made elsewhere applies after half a second at most', async () => {
    vi.advanceTimersByTime(500);
    expect(await isOn(access)).toBe(true);
  });

  test('a change applies earlier while requests arrive, and the store is asked only a few times a second', async () => {
    for (let ms = 0; ms < 240; ms += 10) {
      vi.advanceTimersByTime(10);
      expect(await isOn(access)).toBe(false);
    }
    expect(store.asked).toBe(1);
    vi.advanceTimersByTime(10);
    // Still the cached one, while the store is asked in parallel.
    expect(await isOn(access)).toBe(false);
    expect(store.asked).toBe(2);
    await vi.waitFor(async () => expect(await isOn(access)).toBe(true));
    expect(store.asked).toBe(2);
  });

  test('a change made here applies here at once', async () => {
    await access.changeSettings(CLIENT, () => ({ enableProfileApiAuthentication: false }));
    expect(await isOn(access)).toBe(false);
    await access.renewToken(CLIENT, 'profile_api', 60);
    const { tokens } = await access.current(CLIENT);
    expect(access.isPresentToken(await access.current(CLIENT), 'profile_api', tokens.profile_api!.text)).toBe(
      true,
    );
  });

  test('an unreachable store is an error; old settings are not used', async () => {
    store.isAway = true;
    vi.advanceTimersByTime(499);
    expect(await isOn(access)).toBe(false);
    vi.advanceTimersByTime(1);
    await expect(isOn(access)).rejects.toThrow('the store is away');
  });
});
