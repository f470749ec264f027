/**
 * Claims: how processes that share a resource agree on who may use it. The kernel holds a claim, so
 * it cannot go stale as a lock file can.
 *
 * A claim is a Unix socket on which its holder listens. Its name says what the holder does and
 * which process it is. The kernel accepts connections for a holder that is stopped, but not for one
 * that is dead, however it died.
 *
 *   named     listening under its final name, visible to all
 *   held      it looked after it was named, and saw no conflicting claim
 *   given up  it saw one: the name is removed, and tried again after a random pause
 *   released  the holder has released it, or died
 *
 * Each process is named first and looks afterwards. So of two simultaneous claims at least one sees
 * the other: both may give up, which the random pause resolves, but both can never hold. A socket
 * gets its final name only once it listens. So a socket that refuses a connection belongs to a dead
 * process, and any process that sees it removes it.
 */

import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** A process that has a claim. */
export interface Holder {
  /** What the resource is used for, in the words of the programs that share it. */
  readonly use: string;
  readonly pid: number;
}

export interface Claim {
  release(): Promise<void>;
}

/** A place where claims on one resource are made. */
export interface ClaimPlace {
  /**
   * Makes a claim visible to all. Rejects with the system's error when the place accepts no claims.
   */
  name(name: string): Promise<Claim>;
  /** The names of all claims whose holders live. */
  names(): Promise<string[]>;
}

const TRIES = 6;
/** The shortest pause before the next try; the longest is twice as long. */
const PAUSE_MS = 40;

/**
 * Takes a claim.
 *
 * @param places the claim is made in the first place that accepts claims; existing claims in all of
 *   them count
 * @param use letters, digits and `.:-`, not `_`
 * @param conflicts whether a holder must be gone before this claim may be held
 * @returns the claim, or the holders that it conflicts with
 * @throws Error of the system when none of the places accepts claims
 */
export async function takeClaim(
  places: readonly ClaimPlace[],
  use: string,
  conflicts: (other: Holder) => boolean,
): Promise<Claim | readonly Holder[]> {
  for (let tries = 1; ; tries += 1) {
    const own = `${use}_${process.pid}_${randomBytes(4).toString('hex')}`;
    const claim = await nameInFirst(places, own);
    const names = (await Promise.all(places.map((place) => place.names()))).flat();
    const holders = names.filter((name) => name !== own).map(holderOf);
    const inTheWay = holders.filter((holder) => holder !== undefined && conflicts(holder)) as Holder[];
    if (inTheWay.length === 0) return claim;
    await claim.release();
    if (tries === TRIES) return inTheWay;
    await setTimeout(PAUSE_MS * (1 + Math.random()));
  }
}

async function nameInFirst(places: readonly ClaimPlace[], own: string): Promise<Claim> {
  let failure: unknown;
  for (const place of places) {
    try {
      return await place.name(own);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function holderOf(name: string): Holder | undefined {
  const [use, pid] = name.split('_');
  return use === undefined || pid === undefined ? undefined : { use, pid: Number(pid) };
}

/**
 * Some systems limit the address of a Unix socket to 104 bytes; Node silently truncates a longer
 * one.
 */
const MAX_PATH_BYTES = 100;
const CLAIM_PREFIX = '.lock-';
/** The prefix of a socket that does not listen yet; it is renamed once it does. */
const DRAFT_PREFIX = '.locking-';

/** Whether an entry of a folder is a claim or a leftover of one. */
export function isClaim(fileName: string): boolean {
  return fileName.startsWith(CLAIM_PREFIX) || fileName.startsWith(DRAFT_PREFIX);
}

/**
 * Claims as sockets in a folder, visible to all processes that see the folder, in other containers
 * too.
 */
export class FolderPlace implements ClaimPlace {
  readonly #folder: string;
  readonly #owners: ReadonlySet<number> | undefined;

  /** @param owners user ids that may make claims there; all by default */
  constructor(folder: string, owners?: ReadonlySet<number>) {
    this.#folder = folder;
    this.#owners = owners;
  }

  async name(name: string): Promise<Claim> {
    const path = join(this.#folder, `${CLAIM_PREFIX}${name}`);
    const draft = join(this.#folder, `${DRAFT_PREFIX}${name}`);
    if (Buffer.byteLength(draft) > MAX_PATH_BYTES) {
      const problem = new Error(`${this.#folder} is too long a path for a socket`);
      throw Object.assign(problem, { code: 'ENAMETOOLONG' });
    }
    const server = await listen(draft);
    try {
      // Other users that can reach the folder must be able to check whether the holder lives.
      await chmod(draft, 0o666);
      await rename(draft, path);
    } catch (error) {
      await close(server);
      throw error;
    }
    return {
      async release() {
        await rm(path, { force: true });
        await close(server);
      },
    };
  }

  async names(): Promise<string[]> {
    const found = await readdir(this.#folder).catch(() => []);
    const claims = found.filter((name) => name.startsWith(CLAIM_PREFIX));
    const alive = await Promise.all(claims.map((name) => this.#isAlive(name)));
    return claims.filter((_, at) => alive[at]).map((name) => name.slice(CLAIM_PREFIX.length));
  }

  async #isAlive(fileName: string): Promise<boolean> {
    const path = join(this.#folder, fileName);
    if (this.#owners) {
      const owner = await stat(path).catch(() => undefined);
      if (owner === undefined || !this.#owners.has(owner.uid)) return false;
    }
    if (await answers(path)) return true;
    await rm(path, { force: true }).catch(() => undefined);
    return false;
  }
}

/**
 * Claims in the abstract socket namespace of Linux, one per network namespace. It needs no folder,
 * and the kernel removes the claims of dead processes.
 */
export class NamespacePlace implements ClaimPlace {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async name(name: string): Promise<Claim> {
    const server = await listen(`\0${this.#prefix}${name}`);
    return { release: () => close(server) };
  }

  async names(): Promise<string[]> {
    // Where the kernel shows no list, a running server is still found by probing its port, except
    // when two servers start at the same moment.
    const list = await readFile('/proc/net/unix', 'latin1').catch(() => '');
    const start = `@${this.#prefix}`;
    // Node pads the address with zeros, which the kernel shows as @.
    return list
      .split('\n')
      .map((line) => line.slice(line.lastIndexOf(' ') + 1))
      .filter((address) => address.startsWith(start))
      .map((address) => address.slice(start.length).split('@', 1)[0]!);
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', reject);
    // Otherwise the supervisor would listen instead of a node:cluster worker.
    server.listen({ path, exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/**
 * Whether the holder of a socket lives. Only a refused connection proves that it does not: a holder
 * that is stopped or busy may have a full queue.
 */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
