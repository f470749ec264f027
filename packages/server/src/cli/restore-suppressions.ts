/**
 * Keeps suppressed persons out when a backup is restored (contract section 22). Suppressions made
 * since the backup are copied from the data folder that is replaced, and the restored folder keeps
 * no profile of a suppressed person.
 */

import { join } from 'node:path';
import { derivedKey, ensureSigningKey } from '../access/signing-key.ts';
import type { ServeConfig } from '../config/config.ts';
import { SUPPRESSION_KEY, suppressionsOf } from '../privacy/privacy.ts';
import type { IsSuppressed } from '../privacy/suppressions.ts';
import { hasEmbeddedStore, openStores } from '../server.ts';
import { AttributeIndexes } from '../storage/kept/attribute-indexes.ts';
import { readSuppressions, suppressionStore } from '../storage/kept/suppression-store.ts';
import type { Stores } from '../storage/stores.ts';
import { DataFolderFailure } from './data-folder-failure.ts';
import { STORE_FOLDER } from './data-folder-names.ts';

const PAGE = 1000;
const ALL_IDS = Number.MAX_SAFE_INTEGER;

/**
 * Copies the suppressed ids of the current data folder to a restored one, and removes the profiles
 * of suppressed persons from it.
 *
 * @param present the data folder that is to be replaced; one without a store has no suppressions
 * @param restored a data folder that no server uses yet
 * @returns how many profiles were removed
 * @throws DataFolderFailure when the ids were hashed with different keys
 */
export async function keepSuppressed(
  config: ServeConfig,
  present: string,
  restored: string,
): Promise<number> {
  const known = await suppressedIn(config, present);
  const stores = await openStores({ ...config, dataDir: restored });
  try {
    const key = derivedKey(await ensureSigningKey(restored, config), SUPPRESSION_KEY);
    const suppressions = suppressionsOf(stores.records, key);
    const store = suppressionStore(stores.records);
    const mark = await store.keyMark();
    if (known !== undefined && mark !== undefined && mark !== known.mark) {
      throw new DataFolderFailure(
        'refused',
        'the suppressed ids of the data folder and of the backup were hashed with different signing keys',
      );
    }
    if (known !== undefined && mark === undefined) await store.setKeyMark(known.mark);
    await suppressions.requireKey().catch((cause: unknown) => {
      throw new DataFolderFailure('refused', (cause as Error).message, { cause });
    });
    let removed = 0;
    for (const client of new Set([...(known?.decisions.keys() ?? []), ...(await store.clients())])) {
      await store.add(client, known?.decisions.get(client) ?? []);
      const isSuppressed = await suppressions.of(client);
      if (isSuppressed !== undefined) removed += await removeSuppressed(stores, client, isSuppressed);
    }
    return removed;
  } finally {
    await stores.close();
  }
}

async function suppressedIn(config: ServeConfig, dataDir: string) {
  if (!hasEmbeddedStore(join(dataDir, STORE_FOLDER))) return undefined;
  const stores = await openStores({ ...config, dataDir });
  try {
    const store = suppressionStore(stores.records);
    const mark = await store.keyMark();
    if (mark === undefined) return undefined;
    const decisions = new Map(
      await Promise.all(
        (await store.clients()).map(async (client) => {
          const all = await store.all(client);
          return [client, [...all.values()].flatMap(readSuppressions)] as const;
        }),
      ),
    );
    return { mark, decisions };
  } finally {
    await stores.close();
  }
}

async function removeSuppressed(
  { lists, profiles, changes, merges, records }: Stores,
  client: string,
  isSuppressed: IsSuppressed,
): Promise<number> {
  const feed = changes;
  const indexes = new AttributeIndexes({ records, feed, lists, profiles, wantedBy: () => [], now: Date.now });
  const everyone = {
    prefix: undefined,
    kind: undefined,
    changedSince: undefined,
    attribute: undefined,
    limit: PAGE,
  };
  let removed = 0;
  for (let cursor: string | undefined; ; ) {
    const page = await lists.page(client, { ...everyone, cursor }, 0);
    for (const { id } of page.profiles) {
      const ids = (await profiles.findLinked(client, id, 0, ALL_IDS))?.ids ?? [];
      if (!ids.some(isSuppressed)) continue;
      await profiles.remove(client, id, 0);
      await indexes.forget(client, ids);
      await changes.eraseFrom(client, ids);
      await merges.eraseFrom(client, ids);
      removed += 1;
    }
    if (page.next === undefined) return removed;
    cursor = page.next;
  }
}
