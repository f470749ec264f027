/**
 * A batch that is being applied does not delay fetches (contract section 6);
 * `bench/bulk-meanwhile.mjs` measures it.
 */

import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type RuntimeName, startQuiver } from './start-quiver.ts';

const ROWS = 50_000;
const FILE = `batch=thirdPartyId,a,b,c\n${Array.from({ length: ROWS }, (_, n) => `p${n},a${n},b${n},c${n}\n`).join('')}`;

/** Sends fetches one after another until it is stopped; returns how many were answered. */
async function fetchUntil(url: string, stop: (count: number) => Promise<boolean>): Promise<number> {
  let count = 0;
  while (!(await stop(count))) {
    const answer = await fetch(`${url}/rest/v1/profiles/thirdPartyId/p${(count * 7919) % ROWS}`);
    await answer.arrayBuffer();
    expect(answer.status).toBe(200);
    count += 1;
  }
  return count;
}

/** Processor time that a process has used, in clock ticks of the kernel. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

test.each<RuntimeName>(['bun', 'node'])(
  'fetches are answered while a batch is applied (%s)',
  async (runtime) => {
    // One worker, so that every fetch would be affected if that worker applied the batch.
    const quiver = await startQuiver({ runtime, flags: ['--workers', '1', '--log-level', 'error'] });
    try {
      const upload = async () => {
        const target = `${quiver.url}/m2/demo/v2/profile/batchUpdate`;
        const text = await (await fetch(target, { method: 'POST', body: FILE })).text();
        return /<batchStatus>(.+)<.batchStatus>/.exec(text)![1]!;
      };
      const isComplete = async (status: string) =>
        (await (await fetch(status)).text()).includes('<status>complete<');
      const [worker] = await quiver.workers();
      const background = await quiver.background();
      const timesOfBoth = () => Promise.all([worker!, background].map(processorTime));
      const first = await upload();
      const before = await timesOfBoth();
      while (!(await isComplete(first))) await setTimeout(20);
      const after = await timesOfBoth();
      const [ofServing, ofBackground] = after.map((time, index) => time - before[index]!);
      // The process that applies the rows uses more time, whatever else the machine does; the other
      // was only asked for the status.
      expect(ofBackground).toBeGreaterThan(2 * ofServing!);

      const again = await upload();
      let isOver = false;
      const answered = await fetchUntil(quiver.url, async (count) => {
        if (count % 20 === 0) isOver = await isComplete(again);
        return isOver;
      });
      // Twice at least the batch was still being applied after twenty replies.
      expect(answered).toBeGreaterThanOrEqual(40);
    } finally {
      await quiver.stop();
    }
  },
  60_000,
);
