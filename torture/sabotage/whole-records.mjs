/** Writes every profile completely, whatever has changed. */
import { serverModule } from './server-module.mjs';

const { ProfileRecords } = await serverModule('storage/lmdb/profile-records');
const { save } = ProfileRecords.prototype;
ProfileRecords.prototype.save = function (kept, changes) {
  return save.call(this, kept, changes, undefined);
};
const { StoreUpkeep } = await serverModule('storage/lmdb/store-upkeep');
StoreUpkeep.prototype.step = async () => false;
