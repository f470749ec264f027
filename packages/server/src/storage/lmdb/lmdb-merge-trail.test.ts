import { KEPT } from '../conformance/change-feed-conformance.ts';
import { describeMergeTrail, MERGES_KEPT } from '../conformance/merge-trail-conformance.ts';
import { makeLmdbPlace } from './conformance/lmdb-place.ts';

describeMergeTrail('LMDB', () => makeLmdbPlace({ changes: KEPT, merges: MERGES_KEPT }));
