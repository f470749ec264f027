/** Finds every store intact. */
import { serverModule } from './server-module.mjs';

const { StoreCheck } = await serverModule('storage/lmdb/store-check');
StoreCheck.prototype.step = async () => [];
