/** Copies of parts of byte arrays, for the hot paths. */

/** Up to this size, copying byte by byte is cheaper than creating a view. */
export const FEW_BYTES = 48;

/**
 * Copies the bytes from `start` to before `end` to `at` in `target`.
 * @returns where they end there
 */
export function copyBytes(
  target: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  end: number,
): number {
  const length = end - start;
  if (length > FEW_BYTES) target.set(from.subarray(start, end), at);
  else for (let index = 0; index < length; index += 1) target[at + index] = from[start + index]!;
  return at + length;
}

/**
 * The bytes from `start` to before `end`, in separate memory, because a view would retain all of
 * `bytes` and change with them.
 */
export function copyOf(bytes: Uint8Array, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
