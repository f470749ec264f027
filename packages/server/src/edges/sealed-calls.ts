import type { Call } from '../wire/route.ts';
import type { EdgeSeal, SealedCall } from './edge-seal.ts';

/** The guard of calls between clusters, and what it has opened, for the handler behind it. */
export class SealedCalls {
  readonly #seal: EdgeSeal;
  readonly #opened = new WeakMap<Request, SealedCall>();

  constructor(seal: EdgeSeal) {
    this.#seal = seal;
  }

  /** Lets a sealed call in. @throws QuiverError `forbidden` */
  readonly guard = ({ request, path }: Call): void => {
    this.#opened.set(request, this.#seal.open(request.headers.get('authorization'), request.method, path));
  };

  of(request: Request): SealedCall {
    const opened = this.#opened.get(request);
    if (!opened) throw new RangeError('the call did not pass the guard');
    return opened;
  }
}
