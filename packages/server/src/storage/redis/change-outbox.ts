/**
 * Where a write to a cluster leaves its changes: a stream in the slot of the changed cell, so that
 * one script does both. `redis-change-feed.ts` collects them.
 */

import type { Change } from '../../domain/change.ts';
import { joinedChanges, retyped } from './change-text.ts';
import { keySlot, SLOTS } from './key-slot.ts';
import { hintOutboxes } from './lua-scripts.ts';
import type { PlainChanges } from './plain-write.ts';
import type { RedisCluster } from './redis-cluster.ts';

/** How long hints are collected before they are sent, in milliseconds. */
const HINT_EVERY_MS = 50;

/** For each slot a short text that, as a hash tag, puts a key into it. */
let tags: readonly string[] | undefined;

export function slotTags(): readonly string[] {
  if (tags) return tags;
  const found: string[] = new Array(SLOTS);
  for (let n = 0, left = SLOTS; left > 0; n += 1) {
    const tag = n.toString(36);
    const slot = keySlot(tag);
    if (found[slot] !== undefined) continue;
    found[slot] = tag;
    left -= 1;
  }
  tags = found;
  return found;
}

export function outboxKey(prefix: string, tag: string): string {
  return `${prefix}:out:{${tag}}`;
}

export function hintsKey(prefix: string): string {
  return `${prefix}:feed-hints:{feed}`;
}

export class ChangeOutbox {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;
  readonly #dirty = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  /** Settles when the last hints have been sent. */
  #sending: Promise<void> = Promise.resolve();
  /** Whether changes are recorded at all. */
  isOn = false;

  constructor(cluster: RedisCluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
  }

  /**
   * The arguments of a script that changes a cell: the key of the outbox, and the changes as one
   * text; empty without changes.
   */
  of(
    client: string,
    cellKey: string,
    changes: readonly Change[],
  ): { readonly key: string; readonly text: string } {
    const tag = changes.length > 0 ? slotTags()[keySlot(cellKey)]! : '';
    if (tag === '') return { key: cellKey, text: '' };
    return { key: outboxKey(this.#prefix, tag), text: joinedChanges(client, changes) };
  }

  /**
   * As {@link of} for each possible change of a plain write: created, updated, and updated together
   * with `firstSessionStart`.
   */
  ofPlain(
    client: string,
    cellKey: string,
    { created, updated, updatedFirst }: PlainChanges,
  ): { readonly key: string; readonly texts: readonly string[] } {
    const { key, text } = this.of(client, cellKey, [updated]);
    const longer = updatedFirst === updated ? text : joinedChanges(client, [updatedFirst]);
    return { key, texts: [retyped(longer, created.type), text, longer] };
  }

  /** Records that a script has added something to the outbox of a cell. */
  hint(cellKey: string): void {
    this.#dirty.add(slotTags()[keySlot(cellKey)]!);
    this.#timer ??= setTimeout(() => void this.flush(), HINT_EVERY_MS).unref();
  }

  /**
   * Tells the collector which outboxes to read; returns when it knows of all changes so far. It
   * finds others a little later by itself.
   */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending = this.#sending.then(() => this.#send());
    return this.#sending;
  }

  async #send(): Promise<void> {
    const args = [...this.#dirty];
    this.#dirty.clear();
    if (args.length === 0) return;
    // The number of arguments of a script is limited.
    for (let from = 0; from < args.length; from += 4000) {
      const call = {
        script: hintOutboxes,
        keys: [hintsKey(this.#prefix)],
        args: args.slice(from, from + 4000),
      };
      await this.#cluster.write(call).catch(() => {
        // They are sent with the next ones.
        for (const tag of call.args) this.#dirty.add(tag);
      });
    }
  }
}
