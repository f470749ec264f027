import type { SpentCallStore } from '../storage/spent-call-store.ts';
import type { Call } from '../wire/call.ts';
import { type EdgeSeal, edgeRefusal } from './edge-seal.ts';

/**
 * Makes the guard of calls between clusters. It accepts each sealed call once and stores the
 * content of the seal in the call.
 *
 * @throws QuiverError (the guard, rejects) `forbidden`; `unavailable` when the call cannot be
 *   recorded as seen
 */
export function edgeGuard(seal: EdgeSeal, spent: SpentCallStore): (call: Call) => Promise<void> {
  return async (call) => {
    const { headers, method } = call.request;
    const sealed = seal.open(headers.get('authorization'), method, call.path);
    if (!(await spent.spend(sealed.nonce, sealed.sealedAt))) throw edgeRefusal('seen before');
    call.sealed = sealed;
  };
}
