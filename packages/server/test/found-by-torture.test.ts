/** Every fault that `npm run torture` has found, each with a test of its own, so that it stays found. */

import { describe, expect, test } from 'vitest';
import { acceptBatch } from '../src/batches/accept-batch.ts';
import type { BatchFiles, IncomingFile } from '../src/batches/batch-files.ts';
import type { BatchStore } from '../src/storage/batch-store.ts';

describe('full-disk: an upload of a batch that the disk had no room for was a 500', () => {
  const full = () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
  const fine = () => Promise.resolve();

  test.each<[string, Partial<IncomingFile> | undefined]>([
    ['no room for the file', undefined],
    ['no room for its bytes', { write: full }],
    ['no room to sync it', { keepAs: full }],
  ])('%s: insufficient storage, and nothing is kept or queued', async (_, broken) => {
    let discarded = 0;
    const discard = async () => {
      discarded += 1;
    };
    const files = {
      receive: () => (broken ? Promise.resolve({ write: fine, keepAs: fine, discard, ...broken }) : full()),
    } as unknown as BatchFiles;
    const batches = {
      accept: () => Promise.reject(new Error('must not be queued')),
    } as unknown as BatchStore;
    const request = new Request('http://localhost/', { method: 'POST', body: 'batch=pcId,a\nx,1' });
    await expect(acceptBatch({ batches, files, now: Date.now }, 'demo', 'v2', request)).rejects.toMatchObject(
      {
        code: 'insufficient-storage',
        status: 507,
      },
    );
    expect(discarded).toBe(broken ? 1 : 0);
  });
});
