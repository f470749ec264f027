import type { SpentCallStore } from '../storage/spent-call-store.ts';
import type { Call } from '../wire/call.ts';
import { type EdgeSeal, edgeRefusal } from './edge-seal.ts';

/**
 * Makes the guard of calls between clusters. It lets a sealed call in once, and leaves what the
 * seal says in the call.
 *
 * @throws QuiverError (the guard, rejects) `forbidden`; `unavailable` when it cannot be recorded that
 *   the call was seen
 */
export function edgeGuard(seal: EdgeSeal, spent: SpentCallStore): (call: Call) => Promise<void> {
  return async (call) => {
    const { headers, method } = call.request;
    const sealed = seal.open(headers.get('authorization'), method, call.path);
    if (!(await spent.spend(sealed.nonce, sealed.sealedAt))) throw edgeRefusal('seen before');
    call.sealed = sealed;
  };
}
