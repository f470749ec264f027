/** Removes the entries of a segment in one transaction, and copies the live ones in a later one. */
import { serverModule } from './server-module.mjs';

const { EntryLog } = await serverModule('storage/lmdb/entry-log');
const { LmdbEnvironment } = await serverModule('storage/lmdb/lmdb-environment');
const { copy } = EntryLog.prototype;
const { writeUpkeep } = LmdbEnvironment.prototype;
const waiting = [];
EntryLog.prototype.copy = function (entry, length) {
  const kept = Buffer.from(entry.subarray(0, length));
  waiting.push(() => copy.call(this, kept, length));
};
LmdbEnvironment.prototype.writeUpkeep = async function (work) {
  const result = await writeUpkeep.call(this, work);
  const copies = waiting.splice(0);
  if (copies.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await writeUpkeep.call(this, () => {
      for (const one of copies) one();
    });
  }
  return result;
};
