/** Acknowledges a write and does it a moment later. */
import { serverModule } from './server-module.mjs';

const LATER = 20;
const { LmdbProfileStore } = await serverModule('storage/lmdb/lmdb-profile-store');
const { update, visit } = LmdbProfileStore.prototype;
const later = (work) => setTimeout(() => work().catch(() => {}), LATER);

LmdbProfileStore.prototype.update = async function (...args) {
  later(() => update.apply(this, args));
  return 'updated';
};
LmdbProfileStore.prototype.visit = async function (...args) {
  later(() => visit.apply(this, args));
  return { outcome: 'visited', tntId: args[1].freshTntId.value };
};
