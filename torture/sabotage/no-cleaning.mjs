/** Never takes back what nothing leads to any more. */
import { serverModule } from './server-module.mjs';

const { SegmentCleaner } = await serverModule('storage/lmdb/segment-cleaner');
SegmentCleaner.prototype.step = async () => false;
