/**
 * Writes everything in a Redis to a file in a typical way: SCAN, then HGETALL of many keys at once.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Redis } from 'ioredis';

export async function exportFromRedis(port, path) {
  const redis = new Redis({ port, host: '127.0.0.1' });
  const file = createWriteStream(path);
  for await (const keys of redis.scanStream({ match: 'p:*', count: 1000 })) {
    if (keys.length === 0) continue;
    const pipeline = redis.pipeline();
    for (const key of keys) pipeline.hgetall(key);
    const answers = await pipeline.exec();
    const lines = answers.map(([, fields], at) => JSON.stringify({ id: keys[at], fields }));
    if (!file.write(`${lines.join('\n')}\n`)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
  redis.disconnect();
}
