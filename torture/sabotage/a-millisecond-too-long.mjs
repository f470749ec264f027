/** Serves a profile for one millisecond after it has expired. */
import { serverModule } from './server-module.mjs';

const { LmdbProfileStore } = await serverModule('storage/lmdb/lmdb-profile-store');
const { find } = LmdbProfileStore.prototype;
LmdbProfileStore.prototype.find = function (client, id, now) {
  return find.call(this, client, id, now - 1);
};
