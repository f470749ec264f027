/**
 * Remembers in which other cluster profiles were found, so that the next lookup asks there first.
 * The memory may be out of date.
 */

import type { VisitorId } from '../domain/visitor-id.ts';

const MOST_KEPT = 20_000;

export class RememberedHomes {
  /** In the order of their last use. */
  readonly #homes = new Map<string, number>();

  find(client: string, id: VisitorId): number | undefined {
    const key = keyOf(client, id);
    const cluster = this.#homes.get(key);
    if (cluster === undefined) return undefined;
    this.#homes.delete(key);
    this.#homes.set(key, cluster);
    return cluster;
  }

  remember(client: string, id: VisitorId, cluster: number): void {
    const key = keyOf(client, id);
    this.#homes.delete(key);
    this.#homes.set(key, cluster);
    if (this.#homes.size <= MOST_KEPT) return;
    for (const oldest of this.#homes.keys()) {
      this.#homes.delete(oldest);
      break;
    }
  }

  forget(client: string, id: VisitorId): void {
    this.#homes.delete(keyOf(client, id));
  }
}

function keyOf(client: string, { kind, value }: VisitorId): string {
  return `${client}/${kind}/${value}`;
}
