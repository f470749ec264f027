/** One request on its way through the server. */

import type { Parameter } from './parameters.ts';
import type { PathParameters } from './path-parameters.ts';
import type { Caller, HttpRequest } from './request.ts';

/** What the guard of calls between edge clusters read from the seal of a call. */
export interface SealedCall {
  /** The number of the calling cluster. */
  readonly from: number;
  readonly nonce: string;
  /** Epoch milliseconds, by the caller's clock. */
  readonly sealedAt: number;
  /** SHA-256 of the body, base64url; the handler compares the body with it. */
  readonly digest: string;
}

/** How an administrator proved to be one. */
export type AdminProof = { readonly kind: 'token' } | { readonly kind: 'session'; readonly session: string };

export class Call {
  readonly request: HttpRequest;
  /** Who called; undefined where the runtime does not know. */
  readonly caller: Caller | undefined;
  /** The path as sent, still percent-encoded. */
  readonly path: string;
  /** The query, decoded; empty on routes that serve no client. */
  readonly query: readonly Parameter[];
  /** The client that the request is for; empty on routes that serve no client. */
  readonly client: string;
  /** Set by the guard `edge`; undefined on every other route. */
  sealed: SealedCall | undefined;
  /** Set by the guards that let administrators in; undefined for anybody else. */
  admin: AdminProof | undefined;
  readonly #parameters: PathParameters;

  constructor(
    request: HttpRequest,
    caller: Caller | undefined,
    path: string,
    parameters: PathParameters,
    query: readonly Parameter[],
    client: string,
  ) {
    this.request = request;
    this.caller = caller;
    this.path = path;
    this.#parameters = parameters;
    this.query = query;
    this.client = client;
    this.sealed = undefined;
    this.admin = undefined;
  }

  /**
   * A parameter of the route's path, percent-decoded once: `tntId` of `/rest/v1/profiles/{tntId}`.
   *
   * @throws QuiverError `bad-request` when an escape is bad or does not make UTF-8
   * @throws RangeError when the route has no such parameter
   */
  param(name: string): string {
    return this.#parameters.value(this.path, name);
  }

  /**
   * A parameter of the route's path as it was sent; undefined when the route has no such parameter.
   */
  sentParam(name: string): string | undefined {
    return this.#parameters.has(name) ? this.#parameters.sent(this.path, name) : undefined;
  }

  /** The same call with another request. */
  withRequest(request: HttpRequest): Call {
    const { caller, path, query, client } = this;
    return new Call(request, caller, path, this.#parameters, query, client);
  }
}
