/** Proving to be the admin by the admin token, and what guessing costs: ten wrong ones a minute from one address, then 429. */

import { QuiverError } from '../errors.ts';
import { LOGIN_WINDOW, type LoginStore } from '../storage/login-store.ts';
import { digestOf, isSameSecret } from './same-secret.ts';

const MAX_FAILURES = 10;

export class AdminLogins {
  readonly #logins: LoginStore;
  readonly #digest: Buffer;
  readonly #now: () => number;

  /** @param now epoch milliseconds */
  constructor(logins: LoginStore, adminToken: string, now: () => number) {
    this.#logins = logins;
    this.#digest = digestOf(adminToken);
    this.#now = now;
  }

  /**
   * Whether `candidate` is the admin token; a wrong one is counted against the address.
   *
   * @param address who asks; where the runtime does not know, all such callers count as one
   * @throws QuiverError `too-many-requests` after ten wrong ones within a minute, for the right one too: else it could be told
   */
  async prove(candidate: string, address: string | undefined): Promise<boolean> {
    const who = address?.replace(/^::ffff:/, '') ?? 'unknown';
    if ((await this.#logins.failures(who, this.#now())) >= MAX_FAILURES) throw tooMany();
    if (isSameSecret(candidate, this.#digest)) return true;
    if ((await this.#logins.fail(who, this.#now())) > MAX_FAILURES) throw tooMany();
    return false;
  }
}

function tooMany(): QuiverError {
  return new QuiverError('too-many-requests', 'Too many failed logins from this address; wait a minute', {
    headers: { 'retry-after': String(LOGIN_WINDOW / 1000) },
  });
}
