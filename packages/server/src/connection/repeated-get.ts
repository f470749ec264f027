/**
 * Recognises a GET that differs from the previous one only in its target, as most requests of one
 * client do, and so need not be parsed again.
 *
 * This is not a second parser. Everything around the target has been through the parser, byte for
 * byte, in a request that was accepted. The target consists only of characters that the parser
 * accepts there and that cannot end it. So the parser would read the whole in the same way.
 */

import { type IncomingHeaders, IncomingRequest } from './incoming-request.ts';
import { MAX_REMEMBERED_BYTES, MAX_TARGET_BYTES } from './limits.ts';
import { PLAIN_TARGET } from './request-head.ts';

export class RepeatedGet {
  /** The text after the target; empty when nothing is remembered. */
  #rest = '';
  #headers: IncomingHeaders | undefined;

  /**
   * Remembers a request without a body, if a repetition of it can be recognised. @param text all of
   * its bytes, as Latin-1
   */
  remember({ method, url, headers }: IncomingRequest, text: string): void {
    const isFit = method === 'GET' && text.length <= MAX_REMEMBERED_BYTES && text.startsWith(`GET ${url} `);
    this.#rest = isFit ? text.slice(4 + url.length) : '';
    this.#headers = headers;
  }

  forget(): void {
    this.#rest = '';
  }

  /** Reads the bytes if they are exactly one such request; undefined otherwise. */
  read(chunk: Buffer): IncomingRequest | undefined {
    const rest = this.#rest;
    if (rest === '' || chunk.length > rest.length + MAX_TARGET_BYTES) return undefined;
    const text = chunk.toString('latin1');
    if (!text.startsWith('GET /') || !text.endsWith(rest)) return undefined;
    const target = text.slice(4, text.length - rest.length);
    return PLAIN_TARGET.test(target) ? new IncomingRequest('GET', target, this.#headers!) : undefined;
  }
}
