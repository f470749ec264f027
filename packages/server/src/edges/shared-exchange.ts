/**
 * The part of the exchange between clusters (`client-exchange.ts`) for profile scripts and sources
 * of customer attributes, which are too large to be sent every second.
 *
 * A cluster sends a digest of each client's records. If the other's differs, it answers with the
 * digest of each record. The first cluster then sends those that differ, and asks for them; both
 * join what they have and what they got (`SharedRecords.take`).
 */

import { createHash } from 'node:crypto';
import type { SharedRecords } from '../storage/kept/shared-records.ts';
import type { SmallRecord } from '../storage/record-store.ts';
import type { SentShared } from './edge-calls.ts';

/** How much one call sends, in characters; the next round continues. */
const MAX_SENT = 4 * 1024 * 1024;

interface Digested {
  readonly changes: number | undefined;
  readonly digest: string;
}

export class SharedExchange {
  readonly #kinds: Readonly<Record<string, SharedRecords>>;
  readonly #clients: readonly string[];
  readonly #digests = new Map<string, Digested>();

  constructor(kinds: Readonly<Record<string, SharedRecords>>, clients: readonly string[]) {
    this.#kinds = kinds;
    this.#clients = clients;
  }

  /** The digests of everything here. */
  async state(): Promise<SentShared[]> {
    const states: SentShared[] = [];
    for (const [kind, records] of Object.entries(this.#kinds)) {
      for (const client of this.#clients) {
        states.push({ kind, client, digest: await this.#digest(kind, records, client) });
      }
    }
    return states;
  }

  /** Takes over what another cluster sent. @returns the reply */
  async answer(theirs: readonly SentShared[]): Promise<SentShared[]> {
    const answers: SentShared[] = [];
    for (const { kind, client, digest: theirDigest, wanted, sent } of theirs) {
      const records = this.#shared(kind, client);
      if (!records) continue;
      await take(records, client, sent);
      const digest = await this.#digest(kind, records, client);
      if (wanted) {
        const names = new Set(wanted);
        const asked = (await records.all(client)).filter(({ key }) => names.has(key));
        answers.push({ kind, client, digest, sent: asMuchAsFits(asked) });
      } else if (digest !== theirDigest) {
        const digests = (await records.all(client)).map(textOf);
        answers.push({ kind, client, digest, digests });
      }
    }
    return answers;
  }

  /** What to send and to ask for after another cluster's answer to {@link state}. */
  async differences(theirs: readonly SentShared[]): Promise<SentShared[]> {
    const differences: SentShared[] = [];
    for (const { kind, client, digests } of theirs) {
      const records = this.#shared(kind, client);
      if (!records || !digests) continue;
      const there = new Map(digests.map(([key, digest]) => [key, digest]));
      const ours = await records.all(client);
      const here = new Map(ours.map(textOf));
      const sent = ours.filter(({ key }) => there.get(key) !== here.get(key));
      const wanted = digests.flatMap(([key, digest]) => (here.get(key) === digest ? [] : [key]));
      const digest = await this.#digest(kind, records, client);
      if (sent.length + wanted.length > 0) {
        differences.push({ kind, client, digest, wanted, sent: asMuchAsFits(sent) });
      }
    }
    return differences;
  }

  /** Takes over what another cluster sent in reply to {@link differences}. */
  async takeAll(theirs: readonly SentShared[]): Promise<void> {
    for (const { kind, client, sent } of theirs) {
      const records = this.#shared(kind, client);
      if (records) await take(records, client, sent);
    }
  }

  #shared(kind: string, client: string): SharedRecords | undefined {
    if (!this.#clients.includes(client) || !Object.hasOwn(this.#kinds, kind)) return undefined;
    return this.#kinds[kind];
  }

  /** Computed again only when something has changed, if the engine counts changes. */
  async #digest(kind: string, records: SharedRecords, client: string): Promise<string> {
    const key = `${kind} ${client}`;
    const changes = records.changes?.();
    const known = this.#digests.get(key);
    if (known && changes !== undefined && known.changes === changes) return known.digest;
    const digest = digestOfText(JSON.stringify((await records.all(client)).map(textOf)));
    this.#digests.set(key, { changes, digest });
    return digest;
  }
}

async function take(
  records: SharedRecords,
  client: string,
  sent: readonly (readonly [string, string])[] = [],
): Promise<void> {
  for (const [key, value] of sent) await records.take(client, { key, value });
}

/** Key and digest of a record. */
function textOf({ key, value }: SmallRecord): [key: string, digest: string] {
  return [key, digestOfText(value)];
}

function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function asMuchAsFits(records: readonly SmallRecord[]): [key: string, value: string][] {
  const sent: [key: string, value: string][] = [];
  let size = 0;
  for (const { key, value } of records) {
    size += key.length + value.length;
    if (size > MAX_SENT && sent.length > 0) break;
    sent.push([key, value]);
  }
  return sent;
}
