/**
 * Applies all rows of a batch's step in one transaction, however long it takes, and reads larger
 * steps.
 */
import { serverModule } from './server-module.mjs';

const { TimeSlice } = await serverModule('storage/lmdb/time-slice');
TimeSlice.prototype.isLeft = () => true;
