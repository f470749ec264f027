/** Does not verify that stored data is what was written. */
import { serverModule } from './server-module.mjs';

const { EntryLog } = await serverModule('storage/lmdb/entry-log');
const { lengthOfLast } = await serverModule('storage/lmdb/lmdb-internals');
const { read } = EntryLog.prototype;
const lengths = new WeakMap();
EntryLog.prototype.read = function (number) {
  try {
    const entry = read.call(this, number);
    lengths.delete(this);
    return entry;
  } catch {
    const key = Buffer.alloc(6);
    key.writeUIntBE(number, 0, 6);
    const entry = this.entries.getBinaryFast(key);
    lengths.set(this, lengthOfLast(this.entries));
    return entry;
  }
};
const { get } = Object.getOwnPropertyDescriptor(EntryLog.prototype, 'length');
Object.defineProperty(EntryLog.prototype, 'length', {
  get() {
    return lengths.get(this) ?? get.call(this);
  },
});
