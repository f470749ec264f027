/**
 * Makes a backup by copying the file while it is written, at the speed of a slow disk, so that its
 * end is seconds newer than its beginning.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { serverModule } from './server-module.mjs';

const CHUNK = 256 * 1024;
const PAUSE_MS = 20;

const { LmdbEnvironment } = await serverModule('storage/lmdb/lmdb-environment');

LmdbEnvironment.copy = async (from, to) => {
  const source = await open(join(from, 'data.mdb'));
  const target = await open(join(to, 'data.mdb'), 'w');
  const { size } = await source.stat();
  for (let at = 0; at < size; at += CHUNK) {
    const { buffer, bytesRead } = await source.read(Buffer.alloc(CHUNK), 0, CHUNK, at);
    await target.write(buffer, 0, bytesRead, at);
    await setTimeout(PAUSE_MS);
  }
  await source.close();
  await target.close();
};
