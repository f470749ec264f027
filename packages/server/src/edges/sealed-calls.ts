import type { SpentCallStore } from '../storage/spent-call-store.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { Call } from '../wire/route.ts';
import { type EdgeSeal, refusal, type SealedCall } from './edge-seal.ts';

/** The guard of calls between clusters, and what it has opened, for the handler behind it. */
export class SealedCalls {
  readonly #seal: EdgeSeal;
  readonly #spent: SpentCallStore;
  readonly #opened = new WeakMap<HttpRequest, SealedCall>();

  constructor(seal: EdgeSeal, spent: SpentCallStore) {
    this.#seal = seal;
    this.#spent = spent;
  }

  /** Lets a sealed call in, once. @throws QuiverError (rejects) `forbidden`; `unavailable` when it cannot be noted as seen */
  readonly guard = async ({ request, path }: Call): Promise<void> => {
    const opened = this.#seal.open(request.headers.get('authorization'), request.method, path);
    if (!(await this.#spent.spend(opened.nonce, opened.sealedAt))) throw refusal('seen before');
    this.#opened.set(request, opened);
  };

  of(request: HttpRequest): SealedCall {
    const opened = this.#opened.get(request);
    if (!opened) throw new RangeError('the call did not pass the guard');
    return opened;
  }
}
