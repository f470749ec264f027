/**
 * The slot of a key in a cluster: CRC-16 (XMODEM) modulo 16,384 of the text between the first `{`
 * and the next `}`, or of the whole key if that text is empty (Redis Cluster specification, "Hash
 * tags").
 */

const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

export const SLOTS = 16_384;

export function keySlot(key: string): number {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  const isTagged = open >= 0 && close > open + 1;
  const start = isTagged ? open + 1 : 0;
  const end = isTagged ? close : key.length;
  let crc = 0;
  for (let at = start; at < end; at += 1) {
    const code = key.charCodeAt(at);
    if (code > 0x7f) return slotOfBytes(Buffer.from(key.slice(start, end)));
    crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >>> 8) ^ code]!;
  }
  return crc % SLOTS;
}

function slotOfBytes(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >>> 8) ^ byte]!;
  return crc % SLOTS;
}
