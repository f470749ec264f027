/**
 * The feed as server-sent events (contract section 18): an event per change, and comments in
 * between.
 */

import { QuiverError } from '../errors.ts';
import type { ChangePage, ChangeQuery, ChangeReader } from './change-reader.ts';

/** In milliseconds. */
const COMMENT_EVERY_MS = 15_000;

/**
 * A stream of events starting with a page. It ends when the reader leaves, when the server stops,
 * and with the event `gone` when the reader is so slow that its next change is no longer kept.
 *
 * @param first the first page, read beforehand so that an error can have its own status
 */
export function changeStream(
  reader: ChangeReader,
  client: string,
  first: ChangePage,
  query: ChangeQuery,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let page: ChangePage | undefined = first;
  let isLeft = false;
  let after = first.next;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(': the change feed\n\n'));
      },
      async pull(controller) {
        try {
          const until = performance.now() + COMMENT_EVERY_MS;
          const next: ChangePage =
            page ?? (await reader.readOrWait(client, after, query, until, () => !isLeft));
          page = undefined;
          after = next.next;
          if (isLeft) return;
          const text = eventsOf(next);
          if (text !== '' || !reader.isDraining)
            controller.enqueue(encoder.encode(text === '' ? ': \n\n' : text));
          if (reader.isDraining) controller.close();
        } catch (error) {
          if (!(error instanceof QuiverError) || (error.code !== 'gone' && error.code !== 'not-found'))
            throw error;
          controller.enqueue(
            encoder.encode(`event: gone\ndata: ${JSON.stringify({ message: error.message })}\n\n`),
          );
          controller.close();
        }
      },
      cancel() {
        isLeft = true;
      },
    },
    { highWaterMark: 1 },
  );
}

function eventsOf({ changes }: ChangePage): string {
  return changes
    .map((change) => `id: ${change.cursor}\nevent: ${change.type}\ndata: ${JSON.stringify(change)}\n\n`)
    .join('');
}
