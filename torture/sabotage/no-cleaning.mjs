/** Never recovers the space of dead entries. */
import { serverModule } from './server-module.mjs';

const { SegmentCleaner } = await serverModule('storage/lmdb/segment-cleaner');
SegmentCleaner.prototype.step = async () => false;
