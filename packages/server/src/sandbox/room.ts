/** A room: the stores, routes and batches of one client of a sandbox from one reset to the next. */

import { setTimeout } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { listAttributes } from '../domain/attributes.ts';
import { type AppConfig, type AppParts, type AppRoutes, appRoutes } from '../http/app.ts';
import type { UsageMeter } from '../metering/usage-meter.ts';
import { batchRunner, makeParts, type Parts } from '../parts.ts';
import type { ScriptRunner } from '../scripts/script-runner.ts';
import type { ClientRecord } from '../storage/kept/client-store.ts';
import type { StoredScript } from '../storage/kept/script-store.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import type { Stores } from '../storage/stores.ts';
import type { Route } from '../wire/route.ts';
import { idOfRoomKey, type RoomParts, roomKey, roomStores } from './room-stores.ts';
import { seededChance } from './seeded.ts';
import { lasts } from './weather.ts';

/** What all rooms of a sandbox share. */
export type SharedParts = Pick<
  AppParts,
  | 'config'
  | 'files'
  | 'log'
  | 'adminToken'
  | 'signingKey'
  | 'metrics'
  | 'isDraining'
  | 'version'
  | 'startedAt'
  | 'journalAt'
  | 'calls'
> & { readonly scriptRunner: ScriptRunner };

/** The whole state of a client at one moment, except batches. */
export interface RoomContent {
  readonly profiles: readonly LinkedProfile[];
  readonly record: ClientRecord | undefined;
  /** Deleted ones too. */
  readonly scripts: readonly StoredScript[];
}

/** Whole numbers below 2^32 that a seed determines. */
function seededWords(seed: string): () => number {
  const chance = seededChance(seed);
  return () => chance() * 2 ** 32;
}

const DAY = 86_400_000;
/** The most ids of one profile. */
const MAX_IDS = 1_000_000;
/** How many profiles are listed at once. */
const PAGE = 500;
/** How often a room checks whether its batches are done, in milliseconds. */
const LOOK_EVERY = 2;

export class Room {
  readonly routes: AppRoutes;
  readonly usage: UsageMeter;
  readonly #parts: RoomParts;
  readonly #stores: Stores;
  readonly #app: Parts;
  #working: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** @param sandbox further routes, after all others */
  constructor(shared: SharedParts, parts: RoomParts, config: AppConfig, sandbox: readonly Route[] = []) {
    this.#parts = parts;
    const { client, clock } = parts;
    const { log, files } = shared;
    const { now } = clock;
    const stores = roomStores(parts);
    this.#stores = stores;
    this.#app = makeParts({
      ...{ stores, files, clients: [client], cluster: config.cluster, node: config.node, log, now },
      signingKey: shared.signingKey,
      webhookAllow: config.webhookAllow,
      registry: new Registry(),
      scriptRunner: shared.scriptRunner,
      ...(parts.nextTntId && { scriptSeed: seededWords(`scripts ${client}`) }),
    });
    this.usage = this.#app.usage;
    this.routes = appRoutes({
      ...shared,
      ...this.#app,
      ...{ config, sandbox },
      batchAccepted: () => this.#batchAccepted(),
    });
  }

  /** The client's profiles, settings and tokens, as they are now. */
  async content(): Promise<RoomContent> {
    const stores = this.#stores;
    const { client, clock, ids } = this.#parts;
    const seen = new Set<string>();
    const profiles: LinkedProfile[] = [];
    for (const key of ids) {
      if (seen.has(key)) continue;
      const linked = await stores.profiles.findLinked(client, idOfRoomKey(key), clock.now(), MAX_IDS);
      if (!linked) continue;
      for (const id of linked.ids) seen.add(roomKey(id));
      profiles.push(linked);
    }
    const scripts = await stores.scripts.list(client);
    return { profiles, record: await stores.clients.find(client), scripts };
  }

  /** Reads which visitors are in a room that was used before, and resumes its batches. */
  async recall(): Promise<void> {
    const { client, clock, ids } = this.#parts;
    const everybody = { prefix: undefined, kind: undefined, changedSince: undefined, attribute: undefined };
    let cursor: string | undefined;
    do {
      const query = { ...everybody, cursor, limit: PAGE };
      const page = await this.#stores.lists.page(client, query, clock.now());
      for (const profile of page.profiles) for (const id of profile.ids) ids.add(roomKey(id));
      cursor = page.next;
    } while (cursor !== undefined);
    void this.#work();
  }

  /**
   * Stores profiles that have not expired, scripts, and settings and tokens if there are any.
   * @param at now, by default
   */
  async fill({ profiles, record, scripts }: RoomContent, at = this.#parts.clock.now()): Promise<void> {
    const stores = this.#stores;
    const { client } = this.#parts;
    await Promise.all(profiles.map((profile) => stores.profiles.adopt(client, profile, at)));
    const names = new Set<string>();
    for (const { profile } of profiles) {
      for (const { name } of listAttributes(profile.attributes)) names.add(name);
    }
    if (names.size > 0) await stores.attributeNames.add(client, [...names]);
    for (const script of scripts) await stores.scripts.change(client, script.name, () => script);
    if (record && record.revision > 0) {
      const { revision } = await stores.clients.find(client);
      await stores.clients.replace(client, { ...record, revision });
    }
  }

  /** How long profiles live, in milliseconds. */
  async lifetime(): Promise<number> {
    return (await this.#app.access.rulesOf(this.#parts.client)).lifetimeDays * DAY;
  }

  /** Resolves when no batch that is due is waiting. */
  async batchesDone(): Promise<void> {
    await this.#work();
  }

  /** Stops the work on batches; what they have set stays. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#working;
  }

  #batchAccepted(): void {
    const { clock, weather } = this.#parts;
    const later = lasts(weather().batchesTake);
    if (later > 0) clock.at(clock.now() + later, () => this.#work());
    else void this.#work();
  }

  /**
   * Applies all batches that are due, one after the other. Nothing runs when there is nothing to
   * do.
   */
  #work(): Promise<void> {
    this.#working = this.#working.then(() => this.#runBatches());
    return this.#working;
  }

  async #runBatches(): Promise<void> {
    const { batches } = this.#stores;
    const isWaiting = async () => {
      const batch = this.#isClosed ? undefined : await batches.next(this.#parts.client);
      return batch !== undefined && batch.state !== 'stuck';
    };
    if (!(await isWaiting())) return;
    const runner = batchRunner(this.#app, [this.#parts.client]);
    runner.start();
    while (await isWaiting()) await setTimeout(LOOK_EVERY);
    await runner.stop();
  }
}
