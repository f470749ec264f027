/**
 * Sessions of the console: a signed cookie, twelve hours, and for each a token against forged requests (CSRF) that only the page
 * knows. Nothing of them is stored; a changed admin token or signing key ends them all.
 */

import { createHmac, randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { digestOf, isSameSecret } from './same-secret.ts';
import { derivedKey } from './signing-key.ts';

export const SESSION_COOKIE = 'quiver_session';
export const SESSION_SECONDS = 12 * 3600;
const AUDIENCE = 'quiver-console';

export interface ConsoleSession {
  /** To be sent as `X-Quiver-CSRF` with whatever changes something. */
  readonly csrfToken: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export class ConsoleSessions {
  readonly #key: Buffer;
  readonly #now: () => number;

  /** @param now epoch milliseconds */
  constructor(signingKey: string, adminToken: string, now: () => number) {
    this.#key = derivedKey(signingKey, 'console session', digestOf(adminToken).toString('hex'));
    this.#now = now;
  }

  /** Begins a session; what the cookie holds, and the session. */
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
    return { cookie, session: { csrfToken: this.#csrfToken(id), expiresAt: expires * 1000 } };
  }

  /** The session of a request's `Cookie` header; undefined without one that is genuine and has not expired. */
  async find(cookieHeader: string | null): Promise<ConsoleSession | undefined> {
    const cookie = cookieValue(cookieHeader);
    if (cookie === undefined) return undefined;
    try {
      const { payload } = await jwtVerify(cookie, this.#key, {
        algorithms: ['HS256'],
        audience: AUDIENCE,
        requiredClaims: ['jti', 'exp'],
        currentDate: new Date(this.#now()),
      });
      return { csrfToken: this.#csrfToken(payload.jti!), expiresAt: payload.exp! * 1000 };
    } catch {
      // Whatever is wrong with it, it opens nothing.
      return undefined;
    }
  }

  /** Whether the request bears the session's token against forgery. */
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
