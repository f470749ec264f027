/**
 * The seal on calls between edge clusters: it states who calls whom, when and with what body,
 * signed with a secret that only they share.
 *
 * `Authorization: Quiver-Edge <from>.<to>.<time>.<nonce>.<digest>.<signature>`: two cluster
 * numbers, epoch milliseconds, 16 random bytes, SHA-256 of the body, and HMAC-SHA256 over method,
 * path and all of these (bytes as base64url).
 *
 * A call is accepted when its signature is valid, it is addressed to this cluster, it comes from a
 * configured cluster, it was sealed less than five seconds ago by the local clock, and no process
 * of this cluster has accepted it before (`storage/spent-call-store.ts`). The answer carries a
 * signature over the call's nonce and the body, so that nobody in between can forge one.
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { QuiverError } from '../errors.ts';
import type { SealedCall } from '../wire/call.ts';

/** How far two clocks may differ, and how long a call may be in transit, in milliseconds. */
const SKEW = 5000;
/** 16 bytes as base64url. */
const NONCE = /^[\w-]{22}$/;
const SCHEME = 'Quiver-Edge ';
/** The header with the signature of an answer. */
export const ANSWER_HEADER = 'x-quiver-edge-signature';

export interface EdgeSealOptions {
  /** The 32-byte secret that all clusters share. */
  readonly key: Uint8Array;
  readonly cluster: number;
  /** The numbers of the other clusters. */
  readonly peers: readonly number[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export class EdgeSeal {
  readonly #options: EdgeSealOptions;

  constructor(options: EdgeSealOptions) {
    this.#options = options;
  }

  /** Seals a call. */
  seal(to: number, path: string, body: string): { readonly authorization: string; readonly nonce: string } {
    const { cluster, now } = this.#options;
    const nonce = randomBytes(16).toString('base64url');
    const fields = [cluster, to, now(), nonce, bodyDigest(body)].join('.');
    return { authorization: `${SCHEME}${fields}.${this.#sign('POST', path, fields)}`, nonce };
  }

  /**
   * Verifies the seal of a call; the guard checks whether it was seen before (`edge-guard.ts`).
   *
   * @throws QuiverError `forbidden`; it says what is wrong only when the caller knows the secret
   */
  open(authorization: string | null, method: string, path: string): SealedCall {
    const { cluster, peers, now } = this.#options;
    const parts = authorization?.startsWith(SCHEME) ? authorization.slice(SCHEME.length).split('.') : [];
    const [from, to, time, nonce, digest, signature] = parts;
    if (parts.length !== 6 || !this.#isSigned(method, path, parts.slice(0, 5).join('.'), signature!)) {
      throw new QuiverError('forbidden', 'Forbidden');
    }
    if (Number(to) !== cluster) throw edgeRefusal(`meant for cluster ${to}, this is ${cluster}`);
    if (!peers.includes(Number(from))) throw edgeRefusal(`cluster ${from} is no --peer of ${cluster}`);
    if (!(Math.abs(now() - Number(time)) <= SKEW))
      throw edgeRefusal(`clocks differ by ${now() - Number(time)} ms`);
    if (!NONCE.test(nonce!)) throw edgeRefusal('its nonce is none');
    return { from: Number(from), nonce: nonce!, sealedAt: Number(time), digest: digest! };
  }

  /** The signature of an answer to the call with this nonce. */
  signAnswer(nonce: string, body: string): string {
    return this.#sign('answer', nonce, bodyDigest(body));
  }

  isAnswer(nonce: string, body: string, signature: string | null): boolean {
    return signature !== null && this.#isSigned('answer', nonce, bodyDigest(body), signature);
  }

  #sign(...lines: string[]): string {
    return createHmac('sha256', this.#options.key).update(lines.join('\n')).digest('base64url');
  }

  #isSigned(first: string, second: string, third: string, signature: string): boolean {
    const right = Buffer.from(this.#sign(first, second, third));
    const given = Buffer.from(signature);
    return right.length === given.length && timingSafeEqual(right, given);
  }
}

/** SHA-256, base64url. */
export function bodyDigest(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url');
}

/** The refusal of a call whose caller knows the secret, with the reason. */
export function edgeRefusal(why: string): QuiverError {
  return new QuiverError('forbidden', `edge call: ${why}`);
}
