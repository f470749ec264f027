/**
 * With slow timers: whatever reads first in a turn of the event loop, the requests that arrive
 * later in that turn share its snapshot.
 */
import { serverModule } from './server-module.mjs';
import './slow-timers.mjs';

const { LmdbEnvironment } = await serverModule('storage/lmdb/lmdb-environment');
const { read } = LmdbEnvironment.prototype;

LmdbEnvironment.prototype.read = function (look) {
  this.requestArrives();
  return read.call(this, look);
};
