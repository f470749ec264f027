/** Records that all entries are in the index when the first of them is merged. */
import { serverModule } from './server-module.mjs';

const { EntryLog } = await serverModule('storage/lmdb/entry-log');
const { isNewest } = EntryLog.prototype;
EntryLog.prototype.isNewest = function (key, number) {
  const found = isNewest.call(this, key, number);
  this.setMerged(this.waiting().to);
  return found;
};
