/** The slots as one node of a cluster reports them (`CLUSTER SLOTS`). */

import { SLOTS } from './key-slot.ts';

/** First slot, last slot, then host and port of the master and of its replicas. */
export type SlotRange = readonly [number, number, ...(readonly [Buffer, number, ...unknown[]])[]];

export interface SlotView {
  readonly text: string;
  readonly masters: (string | undefined)[];
  /** By address; the value is the address of the master. */
  readonly members: ReadonlyMap<string, string>;
}

/**
 * Parses the report of a node.
 * @param asked the address that was asked, because a node may not know its own
 */
export function viewOf(ranges: readonly SlotRange[], asked: string): SlotView {
  const masters: (string | undefined)[] = new Array(SLOTS);
  const members = new Map<string, string>();
  const text: string[] = [];
  for (const [first, last, ...named] of ranges) {
    const addresses = named.map(([host, port]) => {
      // A node that does not know its own address yet reports an empty one.
      const name = String(host) || asked.slice(0, asked.lastIndexOf(':'));
      return `${name}:${port}`;
    });
    for (const address of addresses) members.set(address, addresses[0]!);
    text.push(`${first}-${last} ${addresses[0]}`);
    masters.fill(addresses[0], first, last + 1);
  }
  return { text: text.sort().join('\n'), masters, members };
}
