/** Changes a profile by reading it and writing it back, without a transaction around both. */
import { serverModule } from './server-module.mjs';

const { LmdbEnvironment } = await serverModule('storage/lmdb/lmdb-environment');
LmdbEnvironment.prototype.write = async (work) => work();
