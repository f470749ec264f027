/**
 * Times, and other integers below 2^48, in six bytes, big-endian, so that they sort by value.
 *
 * Written and read byte by byte: on Bun the integer methods of Buffer create a DataView, and with
 * it an ArrayBuffer, for every buffer, which took longer than the read from the store.
 */

export const TIME_BYTES = 6;

/** Writes an integer below 2^48 into six bytes. */
export function writeTime(bytes: Uint8Array, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value % 0x1_0000_0000;
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  bytes[at + 2] = low >>> 24;
  bytes[at + 3] = low >>> 16;
  bytes[at + 4] = low >>> 8;
  bytes[at + 5] = low;
}

/** Reads an integer written by {@link writeTime}. */
export function readTime(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! * 0x100 + bytes[at + 1]!;
  const low =
    bytes[at + 2]! * 0x1_000000 + bytes[at + 3]! * 0x1_0000 + bytes[at + 4]! * 0x100 + bytes[at + 5]!;
  return high * 0x1_0000_0000 + low;
}
