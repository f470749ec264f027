/**
 * Reads server-sent events, of which each has one line of data, as the journal of Quiver sends
 * them.
 */

/**
 * The data of each event, until the stream ends.
 *
 * @param signal ends it, as if the stream had ended
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
