/**
 * Times, and other whole numbers below 2^48, in six bytes, big-endian, so that they sort as they
 * count.
 *
 * Written and read byte by byte: on Bun the integer methods of Buffer make a DataView for every
 * buffer, and with it an ArrayBuffer, which took longer than the look into the store.
 */

export const TIME_BYTES = 6;

/** Writes a whole number below 2^48 into six bytes. */
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

/** Reads what {@link writeTime} wrote. */
export function readTime(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! * 0x100 + bytes[at + 1]!;
  const low =
    bytes[at + 2]! * 0x1_000000 + bytes[at + 3]! * 0x1_0000 + bytes[at + 4]! * 0x100 + bytes[at + 5]!;
  return high * 0x1_0000_0000 + low;
}
