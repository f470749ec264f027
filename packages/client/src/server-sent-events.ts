/** Reads server-sent events with one line of data each, as the journal of Quiver sends them. */

/**
 * Yields the data of each event until the stream ends.
 *
 * @param signal ends the iteration without an error
 */
export async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted) cancel();
  const decoder = new TextDecoder();
  let waiting = '';
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      waiting += decoder.decode(read.value, { stream: true });
      const lines = waiting.split('\n');
      waiting = lines.pop()!;
      for (const line of lines) if (line.startsWith('data: ')) yield line.slice('data: '.length);
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
}
