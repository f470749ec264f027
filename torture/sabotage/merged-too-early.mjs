/** Records that all entries are in the index when the first of them is merged. */
import { serverModule } from './server-module.mjs';

const { EntryLog } = await serverModule('storage/lmdb/entry-log');
const { merge } = EntryLog.prototype;
EntryLog.prototype.merge = function (...args) {
  merge.apply(this, args);
  this.setMerged(this.waiting().to);
};
