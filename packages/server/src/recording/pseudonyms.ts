/**
 * Replaces real ids and values with made-up ones: always the same for the same text within one
 * recording, and not reversible.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { type IdKind, parseTntId } from '../domain/visitor-id.ts';

export interface PseudonymsOptions {
  /** Whether ids are kept. */
  readonly keepsIds: boolean;
  /**
   * Whether the values of attributes, parameters and everything else not known to be harmless are
   * kept.
   */
  readonly keepsValues: boolean;
}

/** Replaces tokens, which are never kept. */
export const TOKEN = 'redacted-token';

export class Pseudonyms {
  readonly #options: PseudonymsOptions;
  /**
   * For one recording, and stored nowhere: without it, short ids could be guessed from their
   * replacements.
   */
  readonly #key = randomBytes(32);
  readonly #made = new Set<string>();

  constructor(options: PseudonymsOptions) {
    this.#options = options;
  }

  /**
   * An id of the same kind; the location hint of a tntId is kept. Replacements are not replaced
   * again.
   */
  id(kind: IdKind, id: string): string {
    if (this.#options.keepsIds || id === '' || this.#made.has(id)) return id;
    if (kind === 'customerId') return this.#keep(`customer-${this.#hex(`customerId ${id}`, 16)}`);
    if (kind === 'thirdPartyId') return this.#keep(`person-${this.#hex(`thirdPartyId ${id}`, 16)}`);
    if (kind === 'ecid') {
      const digits = BigInt(`0x${this.#hex(`ecid ${id}`, 32)}`).toString();
      return this.#keep(digits.padStart(38, '1').slice(-38));
    }
    const bare = bareTntId(id);
    return this.#keep(this.#hex(`tntId ${bare}`, 32)) + id.slice(bare.length);
  }

  /** Replaces a value. An empty one is kept, because its being empty has a meaning. */
  value(text: string): string {
    if (this.#options.keepsValues || text === '' || this.#made.has(text)) return text;
    return this.#keep(`value-${this.#hex(`value ${text}`, 12)}`);
  }

  #keep(made: string): string {
    this.#made.add(made);
    return made;
  }

  #hex(text: string, length: number): string {
    return createHmac('sha256', this.#key).update(text).digest('hex').slice(0, length);
  }
}

/** A tntId without its location hint. */
export function bareTntId(id: string): string {
  return parseTntId(id).id.value;
}
