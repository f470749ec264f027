/** Says that an attribute was removed, and leaves it where it is. */
import { serverModule } from './server-module.mjs';

const { LmdbProfileStore } = await serverModule('storage/lmdb/lmdb-profile-store');
LmdbProfileStore.prototype.removeAttribute = async function (client, id, name, { now }) {
  const profile = await this.find(client, id, now);
  if (!profile) return 'no-profile';
  return profile.attributes.includes?.(JSON.stringify(name)) ? 'removed' : 'no-attribute';
};
