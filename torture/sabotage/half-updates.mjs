/** Splits one write into two, with a moment in between, so that a kill often comes between them. */
import { setTimeout } from 'node:timers/promises';
import { serverModule } from './server-module.mjs';

const { LmdbProfileStore } = await serverModule('storage/lmdb/lmdb-profile-store');
const BETWEEN_MS = 20;
const { update, visit } = LmdbProfileStore.prototype;

function halves(settings) {
  const entries = [...settings];
  return [new Map(entries.slice(0, 1)), new Map(entries.slice(1))];
}

LmdbProfileStore.prototype.update = async function (client, id, settings, moment, create) {
  const [first, second] = halves(settings);
  await update.call(this, client, id, first, moment, create);
  await setTimeout(BETWEEN_MS);
  return update.call(this, client, id, second, moment, create);
};
LmdbProfileStore.prototype.visit = async function (client, visited, moment) {
  const [first, second] = halves(visited.settings);
  await visit.call(this, client, { ...visited, settings: first }, moment);
  await setTimeout(BETWEEN_MS);
  return visit.call(this, client, { ...visited, settings: second }, moment);
};
