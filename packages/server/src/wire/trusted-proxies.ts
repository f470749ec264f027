/** Whom the configuration trusts to say where a request came from. */

import { BlockList, isIP } from 'node:net';
import type { Call } from './call.ts';

/**
 * Makes the function that tells whether an address is that of a trusted proxy.
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
 * Makes the function that gives the address a call came from: that of the connection, or what
 * trusted proxies say of it in `X-Forwarded-For`.
 *
 * Each proxy writes behind what it was sent, so the list is read from its end, as far as trusted
 * proxies wrote it; what stands before that anybody may have made up. Undefined where the runtime
 * does not know.
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

/** An IPv4 address that came in over an IPv6 socket, as it is written otherwise. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Some proxies write the port behind the address: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const [, bracketed, v4] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  return bracketed ?? v4 ?? entry;
}
