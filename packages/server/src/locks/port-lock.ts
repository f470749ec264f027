/**
 * The lock of a port. Workers share their port (SO_REUSEPORT on Bun), so the kernel would also let
 * two servers of one user share it, each with its own store, and half of the requests would find
 * nothing. Probing the port before the start is not enough when two servers probe at the same
 * moment. So a server claims its port (`claims.ts`) as long as it lives.
 */

import { lookup } from 'node:dns/promises';
import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Claim, FolderPlace, type Holder, NamespacePlace, takeClaim } from './claims.ts';

/** Another server has claimed the port. */
export class PortInUse extends Error {
  override readonly name = 'PortInUse';
  readonly pid: number;

  constructor(port: number, host: string, { pid }: Holder) {
    super(
      `port ${port} on ${host} is in use by another Quiver server (process ${pid}); choose another with --port`,
    );
    this.pid = pid;
  }
}

/**
 * Claims a port of an address until it is released or this process dies.
 *
 * @param host an address, or a name of this machine
 * @throws PortInUse when another server has claimed it, on this address or on all addresses
 */
export async function lockPort(host: string, port: number): Promise<Claim> {
  const address = isIP(host) === 0 ? (await lookup(host)).address : host;
  const own = isAny(address) ? 'any' : address;
  const overlaps = ({ use }: Holder) => use === own || use === 'any' || own === 'any';
  const taken = await takeClaim([await placeFor(port)], own, overlaps);
  if ('release' in taken) return taken;
  throw new PortInUse(port, host, taken[0]!);
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address);
}

async function placeFor(port: number) {
  if (process.platform === 'linux') return new NamespacePlace(`quiver-port-${port}/`);
  // Only servers of the same user can share a port.
  const folder = join(tmpdir(), `quiver-ports-${process.getuid?.() ?? 0}`, String(port));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return new FolderPlace(folder);
}
