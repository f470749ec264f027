/** Says that an attribute was removed, and leaves it where it is. */
import { serverModule } from './server-module.mjs';

const { LmdbProfileStore } = await serverModule('storage/lmdb/lmdb-profile-store');
const { RedisProfileStore } = await serverModule('storage/redis/redis-profile-store');
for (const Store of [LmdbProfileStore, RedisProfileStore]) {
  Store.prototype.removeAttribute = async function (client, id, name, { now }) {
    const profile = await this.find(client, id, now);
    if (!profile) return 'no-profile';
    return profile.attributes.includes?.(JSON.stringify(name)) ? 'removed' : 'no-attribute';
  };
}
