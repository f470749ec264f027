/**
 * Streams an export: one step of the snapshot at a time, no faster than the reader takes it
 * (contract section 21).
 */

import { setImmediate } from 'node:timers/promises';
import type { ExportedProfile, ProfileLists } from '../storage/profile-lists.ts';

export interface ExportRequest {
  readonly client: string;
  readonly snapshot: string;
  /** The position after which to continue; undefined for the start. */
  readonly after: string | undefined;
  /** The beginning of the output; empty when an export is resumed. */
  readonly head: string;
  /** A profile as text, with its line end. */
  readonly textOf: (profile: ExportedProfile) => string;
  /** The end of the output. */
  readonly endOf: (profiles: number) => string;
}

/**
 * Streams an export. Memory use does not depend on the size of the store, and each step blocks
 * other requests for a few milliseconds at most.
 *
 * If a step fails, the stream ends with an error, so that the reader notices that it is incomplete.
 */
export function exportStream(
  lists: ProfileLists,
  { client, snapshot, after, head, textOf, endOf }: ExportRequest,
  now: () => number,
): ReadableStream<Uint8Array> {
  let position = after;
  let profiles = 0;
  let isFirst = true;
  let isCancelled = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let text = isFirst ? head : '';
        isFirst = false;
        // A pull that passes nothing on is not repeated, so steps without a profile are skipped.
        do {
          const step = await lists.readSnapshot(client, snapshot, position, now());
          if (isCancelled) return;
          for (const profile of step.profiles) text += textOf(profile);
          profiles += step.profiles.length;
          position = step.next;
          // Lets other requests run even if the reader takes everything at once.
          if (position !== undefined) await setImmediate();
        } while (text === '' && position !== undefined && !isCancelled);
        if (isCancelled) return;
        if (position === undefined) text += endOf(profiles);
        if (text !== '') controller.enqueue(Buffer.from(text));
        if (position === undefined) controller.close();
      },
      cancel() {
        isCancelled = true;
      },
    },
    { highWaterMark: 1 },
  );
}
