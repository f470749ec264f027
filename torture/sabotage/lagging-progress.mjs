/** Stores for a batch how many rows are done, but with the file position of the previous step. */
import { serverModule } from './server-module.mjs';

const { LmdbBatchStore } = await serverModule('storage/lmdb/lmdb-batch-store');
const { apply } = LmdbBatchStore.prototype;
const places = new Map();
LmdbBatchStore.prototype.apply = function (step) {
  const { offset, line } = step.after;
  const before = places.get(step.id) ?? { offset, line };
  places.set(step.id, { offset, line });
  return apply.call(this, { ...step, after: { ...step.after, ...before } });
};
