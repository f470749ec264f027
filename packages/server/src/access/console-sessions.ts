/**
 * Sessions of the console: a signed cookie, valid for twelve hours, and for each session a token
 * against forged requests (CSRF) that only the page knows.
 *
 * Only the end of a session is stored, for as long as its cookie would be valid. The cookie of an
 * ended session is refused by every process of this edge cluster at once, and by other clusters
 * within a second. Changing the admin token or the signing key ends all sessions.
 */

import { createHmac, randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { LONGEST_SESSION_MS, type LoginStore } from '../storage/kept/login-store.ts';
import { digestOf, isSameSecret } from './same-secret.ts';
import { derivedKey } from './signing-key.ts';

export const SESSION_COOKIE = 'quiver_session';
export const SESSION_SECONDS = LONGEST_SESSION_MS / 1000;
const AUDIENCE = 'quiver-console';

export interface ConsoleSession {
  readonly id: string;
  /** Must be sent as `X-Quiver-CSRF` with every request that changes something. */
  readonly csrfToken: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface ConsoleSessionsParts {
  readonly signingKey: string;
  readonly adminToken: string;
  readonly logins: Pick<LoginStore, 'endSession' | 'hasEnded'>;
  /** Called when the end of a session is durable. */
  readonly ended: () => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export class ConsoleSessions {
  readonly #key: Buffer;
  readonly #logins: ConsoleSessionsParts['logins'];
  readonly #ended: () => void;
  readonly #now: () => number;

  constructor({ signingKey, adminToken, logins, ended, now }: ConsoleSessionsParts) {
    this.#key = derivedKey(signingKey, 'console session', digestOf(adminToken).toString('hex'));
    this.#logins = logins;
    this.#ended = ended;
    this.#now = now;
  }

  /** Begins a session. @returns the content of the cookie, and the session */
  async begin(): Promise<{ cookie: string; session: ConsoleSession }> {
    const id = randomUUID();
    const issuedAt = Math.floor(this.#now() / 1000);
    const expires = issuedAt + SESSION_SECONDS;
    const cookie = await new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience(AUDIENCE)
      .setJti(id)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expires)
      .sign(this.#key);
    return { cookie, session: this.#sessionOf(id, expires) };
  }

  /**
   * The session of a request's `Cookie` header; undefined unless it is genuine, has not expired and
   * was not ended.
   *
   * @throws QuiverError (rejects) `unavailable` when the store cannot say whether it was ended
   */
  async find(cookieHeader: string | null): Promise<ConsoleSession | undefined> {
    const session = await this.#genuine(cookieHeader);
    return session && !(await this.#logins.hasEnded(session.id)) ? session : undefined;
  }

  /**
   * Ends the session of a request's `Cookie` header, if there is one; when this returns, no process
   * accepts it any more.
   */
  async end(cookieHeader: string | null): Promise<void> {
    const session = await this.#genuine(cookieHeader);
    if (!session) return;
    await this.#logins.endSession(session.id, this.#now());
    this.#ended();
  }

  async #genuine(cookieHeader: string | null): Promise<ConsoleSession | undefined> {
    const cookie = cookieValue(cookieHeader);
    if (cookie === undefined) return undefined;
    try {
      const { payload } = await jwtVerify(cookie, this.#key, {
        algorithms: ['HS256'],
        audience: AUDIENCE,
        requiredClaims: ['jti', 'exp'],
        currentDate: new Date(this.#now()),
      });
      return this.#sessionOf(payload.jti!, payload.exp!);
    } catch {
      // An invalid cookie grants nothing, whatever is wrong with it.
      return undefined;
    }
  }

  #sessionOf(id: string, expires: number): ConsoleSession {
    return { id, csrfToken: this.#csrfToken(id), expiresAt: expires * 1000 };
  }

  /** Whether the request carries the session's CSRF token. */
  isGenuine(session: ConsoleSession, csrfHeader: string | null): boolean {
    return csrfHeader !== null && isSameSecret(csrfHeader, digestOf(session.csrfToken));
  }

  #csrfToken(sessionId: string): string {
    return createHmac('sha256', this.#key).update(`csrf ${sessionId}`).digest('base64url');
  }
}

function cookieValue(header: string | null): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    if (pair.slice(0, equals).trim() === SESSION_COOKIE) return pair.slice(equals + 1).trim();
  }
  return undefined;
}
