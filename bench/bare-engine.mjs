/**
 * The rows of two batches with nothing but the embedded engine, as a limit for Quiver: each row is
 * looked up, appended to one table and put into an index by id, 20,000 rows per transaction, sorted
 * by id, every transaction on disk. Without attributes, times, links, checksums, a change feed, or
 * other processes.
 *
 *   bare-engine.mjs FOLDER FILE…     prints the seconds for each file as JSON
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const STEP = 20_000;
const NUMBER_BYTES = 6;
const ID_BYTES = 16;
const { open } = createRequire(new URL('../packages/server/package.json', import.meta.url))('lmdb');
const [folder, ...files] = process.argv.slice(2);
const engine = open({ path: folder, maxDbs: 2, overlappingSync: false, noMemInit: true, mapSize: 2 ** 34 });
const binary = { keyEncoding: 'binary', encoding: 'binary' };
const records = engine.openDB('records', binary);
const index = engine.openDB('index', binary);
let number = 0;

const seconds = [];
for (const file of files) {
  const started = performance.now();
  const lines = readFileSync(file, 'latin1').trimEnd().split('\n').slice(1);
  for (let from = 0; from < lines.length; from += STEP) {
    const rows = lines.slice(from, from + STEP).sort();
    engine.transactionSync(() => {
      for (const row of rows) write(row);
    });
    await engine.flushed;
  }
  seconds.push((performance.now() - started) / 1000);
}
process.stdout.write(`${JSON.stringify(seconds)}\n`);
await engine.close();

function write(row) {
  const id = Buffer.from(row.slice(0, 2 * ID_BYTES), 'hex');
  index.getBinaryFast(id);
  number += 1;
  const key = Buffer.alloc(NUMBER_BYTES);
  key.writeUIntBE(number, 0, NUMBER_BYTES);
  records.putSync(key, Buffer.from(row, 'latin1'), { append: true });
  index.putSync(id, key);
}
