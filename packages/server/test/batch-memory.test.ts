/** Memory does not grow with what is uploaded (contract section 6). */

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { type RuntimeName, startQuiver } from './start-quiver.ts';

const UPLOADS = 8;
/**
 * Half a million rows without a value: they are received, stored and read like any others, but fill
 * no store.
 */
const FILE = `batch=pcId,a\n${`${'x'.repeat(90)}\n`.repeat(500_000)}`;

/** The peak memory of a process since it was last reset, in MB. */
async function peakOf(pid: number): Promise<number> {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

async function upload(url: string): Promise<string> {
  const answer = await fetch(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body: FILE });
  return answer.text();
}

// Only the kernel's count of the peak misses nothing, and only Linux has it.
test.skipIf(!existsSync('/proc/self/clear_refs')).each<RuntimeName>(['bun', 'node'])(
  'eight uploads at once, each of 45 MB, take less than 64 MB on %s',
  async (runtime) => {
    const quiver = await startQuiver({ runtime, flags: ['--workers', '1', '--log-level', 'error'] });
    try {
      const [worker] = await quiver.workers();
      // One file first, so that what a runtime keeps after warming up does not count.
      const [, status] = /<batchStatus>(.+)<.batchStatus>/.exec(await upload(quiver.url))!;
      await vi.waitFor(
        async () => expect(await (await fetch(status!)).text()).toContain('<status>complete<'),
        { timeout: 30_000, interval: 100 },
      );
      await writeFile(`/proc/${worker}/clear_refs`, '5');
      const before = await peakOf(worker!);
      const answers = await Promise.all(Array.from({ length: UPLOADS }, () => upload(quiver.url)));
      for (const answer of answers) expect(answer).toContain('<success>true</success>');
      expect((await peakOf(worker!)) - before).toBeLessThan(64);
    } finally {
      await quiver.kill();
    }
  },
);
