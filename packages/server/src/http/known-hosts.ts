/**
 * Which host names a server accepts.
 *
 * Any web page can make its own host name resolve to 127.0.0.1 (DNS rebinding). The browser then
 * treats what it reads there as the page's own data, and only the Host header reveals the
 * difference. So a server that only this machine can reach accepts only its own names. A server
 * that others can reach accepts any name, unless `--allow-host` lists the names.
 */

import { isIP } from 'node:net';
import { isLoopback } from '../config/loopback.ts';
import { QuiverError } from '../errors.ts';

export interface KnownHostsOptions {
  /** The address the server listens on. */
  readonly host: string;
  /** Lower case; every name under it is accepted too. */
  readonly serverDomain: string;
  /** `--allow-host`: names in lower case; `*.example.com` stands for all names under it. */
  readonly allowedHosts: readonly string[];
}

/** At most this many accepted names are remembered. */
const MAX_REMEMBERED = 1000;

/**
 * Makes the function that refuses a request whose Host header is none of the server's names.
 * Requests without a Host pass, because no browser sends one.
 *
 * @throws QuiverError (the function) `misdirected`, with the flag that would allow the name
 */
export function hostGuard({
  host: listensOn,
  serverDomain,
  allowedHosts,
}: KnownHostsOptions): (host: string | null) => void {
  const isOnLoopback = isLoopback(listensOn);
  if (!isOnLoopback && allowedHosts.length === 0) return () => undefined;
  const names = new Set([serverDomain, listensOn.toLowerCase(), ...allowedHosts]);
  const endings = [serverDomain, 'localhost', ...allowedHosts.flatMap(underWildcard)].map((one) => `.${one}`);
  const known = new Set<string>();

  function isKnown(name: string): boolean {
    if (isLoopback(name) || names.has(name) || endings.some((ending) => name.endsWith(ending))) return true;
    // A page cannot rebind an IP address, only a name.
    return !isOnLoopback && isIP(name) !== 0;
  }

  return (host) => {
    if (host === null || known.has(host)) return;
    const name = nameIn(host);
    if (!isKnown(name)) {
      throw new QuiverError(
        'misdirected',
        `Host: ${shown(name)} is not a name of this server; to serve it start with --allow-host ${shown(name)}`,
      );
    }
    if (known.size < MAX_REMEMBERED) known.add(host);
  };
}

/** The name in a Host header, without port, brackets and trailing dot. */
function nameIn(host: string): string {
  const [, bracketed, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?$/.exec(host.toLowerCase()) ?? [];
  return bracketed ?? name.replace(/\.$/, '');
}

function underWildcard(allowed: string): string[] {
  return allowed.startsWith('*.') ? [allowed.slice(2)] : [];
}

function shown(name: string): string {
  return name === '' || name.length > 100 || !/^[\w.:-]+$/.test(name) ? '<name>' : name;
}
