/**
 * With slow timers: requests that arrive later in a turn of the event loop share the snapshot of
 * whatever read first in that turn.
 */
import { serverModule } from './server-module.mjs';
import './slow-timers.mjs';

const { LmdbEnvironment } = await serverModule('storage/lmdb/lmdb-environment');
const { read } = LmdbEnvironment.prototype;

LmdbEnvironment.prototype.read = function (look) {
  this.requestArrives();
  return read.call(this, look);
};
