import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { ExportedProfile, ExportStep, ProfileLists } from '../storage/profile-lists.ts';
import { exportStream } from './export-stream.ts';

const profile = (position: string) => ({ position }) as ExportedProfile;

/** An export of these steps; `reads` counts the ones that were read. */
function exportOf(steps: readonly (readonly ExportedProfile[])[], head: string) {
  const exported = { reads: 0 };
  const readSnapshot = async (): Promise<ExportStep> => {
    const profiles = steps[exported.reads++]!;
    return { profiles, next: exported.reads < steps.length ? String(exported.reads) : undefined };
  };
  const request = {
    ...{ client: 'demo', snapshot: 's', after: undefined, head },
    textOf: ({ position }: ExportedProfile) => `${position};`,
    endOf: (profiles: number) => `end ${profiles}`,
  };
  const lists = { readSnapshot } as Partial<ProfileLists> as ProfileLists;
  return Object.assign(exported, { stream: exportStream(lists, request, Date.now) });
}

test.each([
  ['at the start', [[], [], [profile('a')], [profile('b')]]],
  ['in the middle', [[profile('a')], [], [], [profile('b')]]],
  ['at the end', [[profile('a'), profile('b')], [], []]],
])('an export with steps without a profile %s goes on to its end', async (_, steps) => {
  for (const head of ['', 'head;']) {
    const text = await new Response(exportOf(steps, head).stream).text();
    expect(text).toBe(`${head}a;b;end 2`);
  }
});

test('reads a step only when the reader has taken the ones before', async () => {
  const exported = exportOf(
    Array.from({ length: 50 }, (_, n) => [profile(String(n))]),
    '',
  );
  const reader = exported.stream.getReader();
  for (let taken = 1; taken <= 10; taken += 1) await reader.read();
  // Enough turns to read far ahead; one step may be ready for the next read.
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
  expect(exported.reads).toBe(11);
  await reader.cancel();
});
