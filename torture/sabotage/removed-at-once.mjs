/** Removes all ids of a profile in the write that removes it. */
import { serverModule } from './server-module.mjs';

const { ProfileTables } = await serverModule('storage/lmdb/profile-tables');
const { remove } = ProfileTables.prototype;
ProfileTables.prototype.remove = function (located, ...rest) {
  return remove.call(this, { ...located, idCount: 1 }, ...rest);
};
