/** Which proxies the configuration trusts to say where a request came from. */

import { BlockList, isIP } from 'node:net';
import type { Call } from './call.ts';

/**
 * Makes the function that says whether an address belongs to a trusted proxy.
 *
 * @param trustedProxies addresses, or ranges such as `10.0.0.0/8`
 */
export function proxyTrust(trustedProxies: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const proxy of trustedProxies) {
    const [address = '', prefix] = proxy.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return (sent) => {
    const address = plainAddress(sent);
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}

/**
 * Makes the function that finds the address a call came from: that of the connection, or the one
 * that trusted proxies report in `X-Forwarded-For`.
 *
 * Each proxy appends to what it received, so the list is read from its end as long as trusted
 * proxies wrote it. Anything before that may be forged. The result is undefined where the runtime
 * does not know the address.
 */
export function callerFinder(trustedProxies: readonly string[]): (call: Call) => string | undefined {
  const isTrusted = proxyTrust(trustedProxies);
  return ({ request, caller }) => {
    if (caller === undefined) return undefined;
    let address = plainAddress(caller.address);
    if (!isTrusted(address)) return address;
    const named = request.headers.get('x-forwarded-for')?.split(',') ?? [];
    for (const entry of named.reverse()) {
      const before = plainAddress(withoutPort(entry.trim()));
      if (isIP(before) === 0) break;
      address = before;
      if (!isTrusted(address)) break;
    }
    return address;
  };
}

/** Converts an IPv4 address that arrived over an IPv6 socket to its usual form. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/**
 * Removes the port that some proxies append to the address: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
 */
function withoutPort(entry: string): string {
  const [, bracketed, v4] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  return bracketed ?? v4 ?? entry;
}
