/**
 * The address at which the caller reached this server; links back to the server begin with it
 * (contract section 6).
 */

import type { Call } from './call.ts';
import { proxyTrust } from './trusted-proxies.ts';

export interface Reached {
  /** Scheme, host and port as the caller wrote them: `https://demo.example.com:8443`. */
  readonly origin: string;
  /**
   * The path under which a proxy serves Quiver, without a trailing slash: `/quiver`; empty without
   * one.
   */
  readonly prefix: string;
}

/**
 * Makes the function that says at which address a caller reached this server.
 *
 * `X-Forwarded-Proto`, `-Host`, `-Port` and `-Prefix` count only from a trusted proxy. The first of
 * several values is the one the caller used. A malformed value is ignored.
 *
 * @param trustedProxies addresses, or ranges such as `10.0.0.0/8`
 */
export function reachedFinder(trustedProxies: readonly string[]): (call: Call) => Reached {
  const isTrusted = proxyTrust(trustedProxies);
  return ({ request, caller }) => {
    let scheme: 'http' | 'https' = caller?.secure ? 'https' : 'http';
    let prefix = '';
    let host = request.headers.get('host') ?? 'localhost';
    if (caller !== undefined && isTrusted(caller.address)) {
      const forwarded = (name: string) => firstOf(request.headers.get(`x-forwarded-${name}`));
      scheme = forwarded('proto') === undefined ? scheme : forwarded('proto') === 'https' ? 'https' : 'http';
      const forwardedHost = forwarded('host');
      if (forwardedHost !== undefined && HOST.test(forwardedHost)) host = forwardedHost;
      host = withPort(host, forwarded('port'), scheme);
      prefix = prefixOf(forwarded('prefix'));
    }
    return { origin: `${scheme}://${host}`, prefix };
  };
}

/** The host with the port that the proxy names; the default port of the scheme is left out. */
function withPort(host: string, port: string | undefined, scheme: 'http' | 'https'): string {
  if (port === undefined || !/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535) return host;
  const name = host.replace(/:[0-9]*$/, '');
  return Number(port) === DEFAULT_PORTS[scheme] ? name : `${name}:${Number(port)}`;
}

/** A name or an address, and a port if any. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** A longer prefix would leave too little room for the address of a batch's status. */
const MAX_PREFIX = 100;

/**
 * A prefix such as `/quiver`, without markup and without characters that begin a query or fragment.
 */
function prefixOf(sent: string | undefined): string {
  if (sent === undefined || sent.length > MAX_PREFIX) return '';
  const prefix = sent.endsWith('/') ? sent.slice(0, -1) : sent;
  if (/\/\.{1,2}(\/|$)/.test(prefix)) return '';
  return /^(\/[\w.~!$()*+,;=:@%-]+)*$/.test(prefix) ? prefix : '';
}

function firstOf(list: string | null): string | undefined {
  const first = list?.split(',', 1)[0]?.trim();
  return first === '' ? undefined : first;
}
