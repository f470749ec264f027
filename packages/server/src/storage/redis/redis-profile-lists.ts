/**
 * All profiles of a client in a Redis Cluster (contract section 21), read with SCAN from one master
 * after the other.
 *
 * A pass is valid for one map of slots. SCAN finds every key that exists during the whole pass
 * through a node. When slots move or a replica takes over, keys may come to be behind the current
 * position, so the pass ends with an error.
 */

import { createHash } from 'node:crypto';
import { isExpired } from '../../domain/lifetime.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { QuiverError } from '../../errors.ts';
import { KIND_NUMBER } from '../kind-number.ts';
import {
  CURSOR_PROBLEM,
  type ExportStep,
  isListed,
  LISTED_IDS,
  type ListedProfile,
  type ListPage,
  type ListQuery,
  PAGE_MS,
  POSITION_PROBLEM,
  type ProfileLists,
  snapshotGone,
} from '../profile-lists.ts';
import type { Cell, Cells } from './cells.ts';
import { idOfField } from './id-field.ts';
import { linkedIds } from './linking.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';

/** How many keys a node examines in one step of an export. */
const STEP = 500;
/** The same for a page: the least, for a small page, and the most, when few profiles match. */
const LEAST_AT_ONCE = 10;
const MOST_AT_ONCE = 2000;

/**
 * The position of a pass: the index of the node among the masters ordered by address, and its SCAN
 * cursor.
 */
interface Place {
  readonly node: number;
  readonly scan: string;
}

export class RedisProfileLists implements ProfileLists {
  readonly #cluster: RedisCluster;
  readonly #cells: Cells;
  readonly #prefix: string;

  constructor(cluster: RedisCluster, cells: Cells, prefix: string) {
    this.#cluster = cluster;
    this.#cells = cells;
    this.#prefix = prefix;
  }

  async page(client: string, query: ListQuery, now: number): Promise<ListPage> {
    const { prefix, kind, cursor, limit } = query;
    const map = await this.#slotMap();
    const [asked = map, place] = cursor === undefined ? [] : parsed(cursor);
    if (asked !== map || place === null) throw new QuiverError('bad-request', `cursor: ${CURSOR_PROBLEM}`);
    const pattern = `${kind === undefined ? '?' : KIND_NUMBER[kind]}${escaped(prefix ?? '')}*`;
    const profiles: ListedProfile[] = [];
    const end = performance.now() + PAGE_MS;
    let at: Place | undefined = place ?? START;
    for (let count = Math.max(limit, LEAST_AT_ONCE); at !== undefined && profiles.length < limit; ) {
      const { ids, next }: { ids: readonly VisitorId[]; next: Place | undefined } = await this.#scan(
        client,
        at,
        pattern,
        count,
      );
      const homes = await Promise.all(ids.map((id) => this.#homeOf(client, id, prefix !== undefined)));
      for (const [index, home] of homes.entries()) {
        const profile = home?.profile;
        if (!home || !profile || !isListed(profile, query, now)) continue;
        const linked = linkedIds(home);
        const id = prefix === undefined ? { kind: linked[0]!.kind, value: linked[0]!.value } : ids[index]!;
        profiles.push({ profile, ids: linked.slice(0, LISTED_IDS), idCount: linked.length, id });
      }
      at = next;
      count = profiles.length === 0 ? Math.min(2 * count, MOST_AT_ONCE) : Math.max(limit, LEAST_AT_ONCE);
      if (performance.now() > end) break;
    }
    return { profiles, next: at && textOf(map, at) };
  }

  async takeSnapshot(): Promise<string> {
    return this.#slotMap();
  }

  async readSnapshot(
    client: string,
    snapshot: string,
    after: string | undefined,
    now: number,
  ): Promise<ExportStep> {
    if (snapshot !== (await this.#slotMap())) throw snapshotGone();
    const [map = snapshot, place] = after === undefined ? [] : parsed(after);
    if (map !== snapshot || place === null) {
      throw new QuiverError('bad-request', `after: ${POSITION_PROBLEM}`);
    }
    const at = place ?? START;
    const { ids, next } = await this.#scan(client, at, '*', STEP);
    const cells = await Promise.all(ids.map((id) => this.#homeOf(client, id, false)));
    if (snapshot !== (await this.#slotMap())) throw snapshotGone();
    const profiles = cells.flatMap((cell) =>
      cell?.profile && !isExpired(cell.profile, now)
        ? [{ profile: cell.profile, ids: linkedIds(cell), position: textOf(snapshot, at) }]
        : [],
    );
    return { profiles, next: next && textOf(snapshot, next) };
  }

  /** The cell of the profile that is stored under an id, or that the id names as one of several. */
  async #homeOf(client: string, id: VisitorId, isByAnyId: boolean): Promise<Cell | undefined> {
    if (isByAnyId) return (await this.#cells.locate(client, id, latest())).home;
    const cell = await this.#cells.load(client, id, latest());
    return cell.profile && cell;
  }

  async #scan(
    client: string,
    { node, scan }: Place,
    pattern: string,
    count: number,
  ): Promise<{ ids: readonly VisitorId[]; next: Place | undefined }> {
    const nodes = this.#cluster.masters().sort();
    const address = nodes[node];
    if (address === undefined) return { ids: [], next: undefined };
    const start = `${this.#prefix}:{${client}/`;
    const match = `${escaped(start)}${pattern}`;
    const [cursor, keys] = await this.#cluster.askNode<[Buffer, readonly Buffer[]]>(
      ...([address, 'SCAN', scan, 'MATCH', match, 'COUNT', count, 'TYPE', 'hash'] as const),
    );
    const ids = keys.map((key) => idOfField(String(key).slice(start.length, -1)));
    const isAtEnd = String(cursor) === '0';
    if (!isAtEnd) return { ids, next: { node, scan: String(cursor) } };
    return { ids, next: node + 1 < nodes.length ? { node: node + 1, scan: '0' } : undefined };
  }

  /** A short name for the current map of slots, after reading it again. */
  async #slotMap(): Promise<string> {
    await this.#cluster.refresh();
    return createHash('sha256').update(this.#cluster.slotMap).digest('hex').slice(0, 16);
  }
}

const START: Place = { node: 0, scan: '0' };

function textOf(map: string, { node, scan }: Place): string {
  return `${map}.${node}.${scan}`;
}

/** Parses a text of {@link textOf}; the place is null if it is invalid. */
function parsed(text: string): [map: string, place: Place | null] {
  const found = /^([0-9a-f]{16})\.([0-9]{1,4})\.([0-9]{1,20})$/.exec(text);
  return found ? [found[1]!, { node: Number(found[2]), scan: found[3]! }] : ['', null];
}

function escaped(text: string): string {
  return text.replaceAll(/[*?[\]\\^]/g, '\\$&');
}
