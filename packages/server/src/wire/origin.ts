/** The address under which the caller reached us: what a link back to us must begin with. */

import { BlockList, isIP } from 'node:net';
import type { Call } from './route.ts';

/**
 * Makes the function that gives scheme, host and port as the caller wrote them, for instance `https://demo.example.com:8443`.
 *
 * `X-Forwarded-Proto` and `X-Forwarded-Host` count only from a trusted proxy; the first of several is the caller's own.
 *
 * @param trustedProxies addresses, or ranges such as `10.0.0.0/8`
 */
export function originFinder(trustedProxies: readonly string[]): (call: Call) => string {
  const trusted = new BlockList();
  for (const proxy of trustedProxies) {
    const [address = '', prefix] = proxy.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return ({ request, peer }) => {
    let scheme = peer?.secure ? 'https' : 'http';
    let host = request.headers.get('host') ?? 'localhost';
    const address = peer?.address.replace(/^::ffff:/, '') ?? '';
    const family = isIP(address);
    if (family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4')) {
      scheme = firstOf(request.headers.get('x-forwarded-proto')) ?? scheme;
      host = firstOf(request.headers.get('x-forwarded-host')) ?? host;
    }
    return `${scheme === 'https' ? 'https' : 'http'}://${host}`;
  };
}

function firstOf(list: string | null): string | undefined {
  const first = list?.split(',', 1)[0]?.trim();
  return first === '' ? undefined : first;
}
