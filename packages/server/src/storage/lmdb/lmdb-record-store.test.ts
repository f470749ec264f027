import { describeClientStore } from '../conformance/client-store-conformance.ts';
import { describeRecordStore } from '../conformance/record-store-conformance.ts';
import { describeUsageStore } from '../conformance/usage-store-conformance.ts';
import { makeLmdbPlace } from './conformance/lmdb-place.ts';

describeRecordStore('LMDB', makeLmdbPlace);
describeClientStore('LMDB', makeLmdbPlace);
describeUsageStore('LMDB', makeLmdbPlace);
