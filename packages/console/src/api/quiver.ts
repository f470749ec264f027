/** The server that this page came from, called with the session of the console. */

import { QuiverClient } from 'quiver-client';

let csrfToken = '';

/** Keeps the session's token against forged requests, only in memory. */
export function rememberCsrfToken(token: string): void {
  csrfToken = token;
}

/** The header that every changing request must have. */
export function csrfHeaders(): Record<string, string> {
  return { 'X-Quiver-CSRF': csrfToken };
}

/** The client for one client code. It does not retry, because the page retries its queries. */
export function quiver(client: string): QuiverClient {
  return new QuiverClient({
    url: location.origin,
    client,
    retries: 0,
    fetch(url, init) {
      const headers = new Headers(init.headers);
      if (!headers.has('Accept')) headers.set('Accept', 'application/json');
      if (init.method !== 'GET') headers.set('X-Quiver-CSRF', csrfToken);
      return fetch(url, { ...init, headers, credentials: 'same-origin' });
    },
  });
}
