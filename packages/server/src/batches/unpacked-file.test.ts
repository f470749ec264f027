import { spawnSync } from 'node:child_process';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { unpackedFile } from './unpacked-file.ts';

const TEXT = 'id,a\n1,São\n'.repeat(1000);

/** Unpacks a file that arrives in chunks of so many bytes. */
async function unpacked(packed: Uint8Array, size: number): Promise<string> {
  async function* chunks() {
    for (let at = 0; at < packed.length; at += size) yield packed.subarray(at, at + size);
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of unpackedFile(chunks())) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts).toString();
}

/**
 * A zip archive with one file, as streaming programs write it: sizes and checksum follow the file.
 */
function streamedZip(text: string, { crc = crc32(text), method = 8, flags = 8 } = {}): Buffer {
  const content = Buffer.from(text);
  const packed = method === 8 ? deflateRawSync(content) : content;
  const local = Buffer.alloc(31);
  local.write('PK\x03\x04', 'latin1');
  local.writeUInt16LE(flags, 6);
  local.writeUInt16LE(method, 8);
  local.writeUInt16LE(1, 26);
  local.write('a', 30);
  const entry = Buffer.alloc(47);
  entry.write('PK\x01\x02', 'latin1');
  entry.writeUInt16LE(flags, 8);
  entry.writeUInt16LE(method, 10);
  entry.writeUInt32LE(crc, 16);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(1, 28);
  entry.write('a', 46);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + packed.length, 16);
  return Buffer.concat([local, packed, entry, end]);
}

test.each([
  ['the file itself', Buffer.from(TEXT)],
  ['gzip', gzipSync(TEXT)],
  ['a zip archive', streamedZip(TEXT)],
  ['a zip archive that packs nothing', streamedZip(TEXT, { method: 0 })],
])('reads %s, however it is cut', async (_, packed) => {
  for (const size of [1, 3, 1000, 1e6]) expect(await unpacked(packed, size)).toBe(TEXT);
});

test('empty files and files shorter than a signature are read as they are', async () => {
  expect(await unpacked(Buffer.alloc(0), 10)).toBe('');
  expect(await unpacked(Buffer.from('PK'), 1)).toBe('PK');
});

test.each([
  ['a wrong checksum', streamedZip(TEXT, { crc: 1 }), 'the zip archive is damaged or cut short'],
  ['a password', streamedZip(TEXT, { flags: 1 }), 'the zip archive is encrypted'],
  ['another method', streamedZip(TEXT, { method: 14 }), 'packed in a way that is not known (method 14)'],
  ['no directory', streamedZip(TEXT).subarray(0, 60), 'the zip archive is damaged or cut short'],
  ['bytes that are no gzip', Buffer.from([0x1f, 0x8b, 1, 2, 3, 4]), 'the file is not whole gzip'],
])('refuses %s', async (_, packed, message) => {
  await expect(unpacked(packed, 7)).rejects.toThrow(message);
});

test('a zip directory with false offsets is refused', async () => {
  for (let at = 0; at < 90; at += 1) {
    const zip = streamedZip('id,a\n1,x\n');
    zip[at] = zip[at]! ^ 0xff;
    const outcome = await unpacked(zip, 1000).catch((error: Error) => error);
    // Some bytes are never read; a change of any other byte is reported.
    if (typeof outcome === 'string') expect(['id,a\n1,x\n', zip.toString()]).toContain(outcome);
    else expect(outcome).toMatchObject({ code: 'bad-request' });
  }
});

test.skipIf(spawnSync('python3', ['--version']).status !== 0)(
  'an archive made by another program is read',
  async () => {
    const program =
      'import sys,zipfile,io; b=io.BytesIO(); z=zipfile.ZipFile(b,"w",zipfile.ZIP_DEFLATED);' +
      'z.mkdir("folder") if hasattr(z,"mkdir") else None; z.writestr("folder/a.csv",sys.stdin.read()); z.close(); sys.stdout.buffer.write(b.getvalue())';
    const { stdout } = spawnSync('python3', ['-c', program], { input: TEXT });
    expect(await unpacked(stdout, 500)).toBe(TEXT);
  },
);
