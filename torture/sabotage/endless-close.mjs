/** Never finishes closing the store. */
import { serverModule } from './server-module.mjs';

const { LmdbEnvironment } = await serverModule('storage/lmdb/lmdb-environment');
LmdbEnvironment.prototype.close = () => new Promise(() => {});
