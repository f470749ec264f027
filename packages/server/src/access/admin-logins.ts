/**
 * Checks the admin token and limits guessing: after ten wrong tokens a minute from one address, the
 * answer is 429 whatever is sent.
 *
 * A guess is counted before its answer is sent:
 *
 * - A wrong token waits until all earlier wrong tokens from this address to this process are
 *   counted. It is then counted in the store and refused: 401, or 429 when it exceeds the limit.
 * - The right token waits for the same, then for the count of all processes: 429 when there were
 *   ten.
 *
 * So sending many guesses at the same moment does not help. One process reveals for at most ten of
 * them whether they are the right token, and each other process that is reached at the same moment
 * for at most one more. A lone right token is never written and never waits for a disk.
 */

import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import { QuiverError } from '../errors.ts';
import { LOGIN_WINDOW_MS, type LoginStore } from '../storage/kept/login-store.ts';
import { digestOf, isSameSecret } from './same-secret.ts';

const MAX_FAILURES = 10;

export class AdminLogins {
  readonly #logins: Pick<LoginStore, 'failures' | 'fail'>;
  readonly #digest: Buffer;
  readonly #addressKey: Buffer;
  readonly #now: () => number;
  /** By address: settled when all wrong guesses so far are counted. */
  readonly #counting = new Map<string, Promise<unknown>>();

  /** @param now epoch milliseconds */
  constructor(logins: Pick<LoginStore, 'failures' | 'fail'>, adminToken: string, now: () => number) {
    this.#logins = logins;
    this.#digest = digestOf(adminToken);
    this.#addressKey = digestOf(`address ${adminToken}`);
    this.#now = now;
  }

  /**
   * Whether `candidate` is the admin token; a wrong one is counted against the address.
   *
   * @param address the caller's address; where the runtime does not know it, all such callers count
   *   as one
   * @throws QuiverError `too-many-requests` after ten wrong tokens within a minute, even for the
   *   right one, so that the reply reveals nothing
   */
  async prove(candidate: string, address: string | undefined): Promise<boolean> {
    const guesser = this.#nameOf(guesserAt(address));
    const before = this.#counting.get(guesser);
    if (isSameSecret(candidate, this.#digest)) {
      await before;
      await this.#refuseTheLockedOut(guesser);
      return true;
    }
    const counted = this.#count(guesser, before);
    const settled = counted.catch(() => undefined);
    this.#counting.set(guesser, settled);
    try {
      await counted;
    } finally {
      if (this.#counting.get(guesser) === settled) this.#counting.delete(guesser);
    }
    return false;
  }

  /** Addresses are not stored; guesses are counted under a keyed hash. */
  #nameOf(guesser: string): string {
    return createHmac('sha256', this.#addressKey).update(guesser).digest('base64url');
  }

  async #count(guesser: string, before: Promise<unknown> | undefined): Promise<void> {
    await before;
    await this.#refuseTheLockedOut(guesser);
    if ((await this.#logins.fail(guesser, this.#now())) > MAX_FAILURES) throw tooMany();
  }

  async #refuseTheLockedOut(guesser: string): Promise<void> {
    if ((await this.#logins.failures(guesser, this.#now())) >= MAX_FAILURES) throw tooMany();
  }
}

/**
 * The address under which guesses are counted. For IPv6 it is the network, because everybody can
 * use any number of addresses in theirs.
 */
function guesserAt(address: string | undefined): string {
  if (address === undefined || address === '') return 'unknown';
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const first = groups(head);
  const last = groups(tail ?? '');
  const all = [...first, ...new Array(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

function tooMany(): QuiverError {
  return new QuiverError('too-many-requests', 'Too many failed logins from this address; wait a minute', {
    headers: { 'retry-after': String(LOGIN_WINDOW_MS / 1000) },
  });
}
