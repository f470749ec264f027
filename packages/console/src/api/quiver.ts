/** The server that this page came from, as the session of the console reaches it. */

import { QuiverClient } from 'quiver-client';

let csrfToken = '';

/** Keeps the session's token against forged requests, in memory alone. */
export function rememberCsrfToken(token: string): void {
  csrfToken = token;
}

/** The header that must come with whatever changes something. */
export function csrfHeaders(): Record<string, string> {
  return { 'X-Quiver-CSRF': csrfToken };
}

/** The client for one client code. Queries are tried again by the page, in its own time. */
export function quiver(client: string): QuiverClient {
  return new QuiverClient({
    url: location.origin,
    client,
    retries: 0,
    fetch(url, init) {
      const headers = new Headers(init.headers);
      headers.set('Accept', 'application/json');
      if (init.method !== 'GET') headers.set('X-Quiver-CSRF', csrfToken);
      return fetch(url, { ...init, headers, credentials: 'same-origin' });
    },
  });
}
