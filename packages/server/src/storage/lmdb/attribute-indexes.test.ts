import { describeAttributeIndexes } from '../conformance/attribute-index-conformance.ts';
import { KEPT } from '../conformance/change-feed-conformance.ts';
import { MERGES_KEPT } from '../conformance/merge-trail-conformance.ts';
import { makeLmdbPlace } from './conformance/lmdb-place.ts';

describeAttributeIndexes('LMDB', () => makeLmdbPlace({ changes: KEPT, merges: MERGES_KEPT }));
