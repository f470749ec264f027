/** Backs up by copying the file while it is written. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { engine } from './engine.mjs';

const CHUNK = 64 * 1024;

engine.backup = async (to) => {
  const dataDir = process.argv[process.argv.indexOf('--data') + 1];
  const source = await open(join(dataDir, 'store', 'data.mdb'));
  const target = await open(join(to, 'data.mdb'), 'w');
  const { size } = await source.stat();
  for (let at = 0; at < size; at += CHUNK) {
    const { buffer, bytesRead } = await source.read(Buffer.alloc(CHUNK), 0, CHUNK, at);
    await target.write(buffer, 0, bytesRead, at);
  }
  await source.close();
  await target.close();
};
