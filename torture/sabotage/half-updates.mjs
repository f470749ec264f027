/** Splits one write into two. */
import { serverModule } from './server-module.mjs';

const { LmdbProfileStore } = await serverModule('storage/lmdb/lmdb-profile-store');
const { update, visit } = LmdbProfileStore.prototype;

function halves(settings) {
  const entries = [...settings];
  return [new Map(entries.slice(0, 1)), new Map(entries.slice(1))];
}

LmdbProfileStore.prototype.update = async function (client, id, settings, moment, create) {
  const [first, second] = halves(settings);
  await update.call(this, client, id, first, moment, create);
  return update.call(this, client, id, second, moment, create);
};
LmdbProfileStore.prototype.visit = async function (client, visited, moment) {
  const [first, second] = halves(visited.settings);
  await visit.call(this, client, { ...visited, settings: first }, moment);
  return visit.call(this, client, { ...visited, settings: second }, moment);
};
