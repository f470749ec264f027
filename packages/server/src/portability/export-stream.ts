/**
 * An export as it goes out: a step of the snapshot at a time, no faster than it is taken (contract
 * section 21).
 */

import { setImmediate } from 'node:timers/promises';
import type { ExportedProfile, ProfileLists } from '../storage/profile-lists.ts';

export interface ExportRequest {
  readonly client: string;
  readonly snapshot: string;
  /** The position to go on behind; undefined at the beginning. */
  readonly after: string | undefined;
  /** What comes first; left out when an export is resumed. */
  readonly head: string;
  /** A profile as text, with its line end. */
  readonly textOf: (profile: ExportedProfile) => string;
  /** What comes last. */
  readonly endOf: (profiles: number) => string;
}

/**
 * Streams an export. Memory does not grow with the store, and each step keeps other requests
 * waiting for a few milliseconds at most.
 *
 * A step that fails ends the stream with an error, so that the reader sees that it was cut short.
 */
export function exportStream(
  lists: ProfileLists,
  { client, snapshot, after, head, textOf, endOf }: ExportRequest,
  now: () => number,
): ReadableStream<Uint8Array> {
  let position = after;
  let profiles = 0;
  let isFirst = true;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await lists.readSnapshot(client, snapshot, position, now());
        let text = isFirst ? head : '';
        isFirst = false;
        for (const profile of step.profiles) text += textOf(profile);
        profiles += step.profiles.length;
        position = step.next;
        if (step.next === undefined) text += endOf(profiles);
        if (text !== '') controller.enqueue(Buffer.from(text));
        if (step.next === undefined) controller.close();
        // A reader that takes everything at once must not keep other requests waiting.
        else await setImmediate();
      },
    },
    { highWaterMark: 1 },
  );
}
