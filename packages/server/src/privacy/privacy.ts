/** Creates the parts of privacy, in the same way wherever they are needed (contract section 22). */

import { suppressionStore } from '../storage/kept/suppression-store.ts';
import type { RecordStore } from '../storage/record-store.ts';
import type { PrivacyRequests } from './privacy-requests.ts';
import { Suppressions } from './suppressions.ts';

/** The purpose for which the key of the hashes is derived from the signing key. */
export const SUPPRESSION_KEY = 'suppressed ids';

/**
 * The suppressed ids of a store.
 * @param key of the hashes, 32 bytes
 */
export function suppressionsOf(records: RecordStore, key: Uint8Array): Suppressions {
  return new Suppressions(suppressionStore(records), key);
}

/** What other edge clusters may call. */
export function edgePrivacy(suppressions: Suppressions, requests: PrivacyRequests) {
  return {
    takeIn: suppressions.takeIn.bind(suppressions),
    unlike: suppressions.unlike.bind(suppressions),
    forget: requests.forget.bind(requests),
  };
}
