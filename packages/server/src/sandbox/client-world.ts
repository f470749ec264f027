/**
 * The world of one client of a sandbox: its room, clock, journal, weather and snapshots. Clients
 * are isolated from each other.
 *
 *   room       what requests read and write
 *   spare      the room after the next reset, filled with the seed in advance
 *   snapshots  earlier contents of a room
 */

import { setImmediate } from 'node:timers/promises';
import { listAttributes } from '../domain/attributes.ts';
import { type IdKind, parseCustomerId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { type CallLimits, callLimits } from './call-limits.ts';
import type { Weather } from './public-types.ts';
import { RequestJournal } from './request-journal.ts';
import { Room, type RoomContent, type SharedParts } from './room.ts';
import { type RoomParts, roomKey } from './room-stores.ts';
import { type ClockState, SandboxClock } from './sandbox-clock.ts';
import type { SandboxFolder } from './sandbox-folder.ts';
import { type SeedEntry, seededProfile } from './seed.ts';
import { seededChance, seededIds } from './seeded.ts';
import { CALM, changedWeather } from './weather.ts';

export interface WorldParts {
  readonly client: string;
  readonly shared: SharedParts;
  readonly stores: RoomParts['stores'];
  readonly changesOfCall: RoomParts['changesOfCall'];
  /** The clock's start, and its position after a reset; undefined for the system's clock. */
  readonly clockStart: ClockState | undefined;
  /** The seed of generated tntIds; random when undefined. */
  readonly idSeed: string | undefined;
  readonly seed: readonly SeedEntry[];
  /** Names the rooms, and knows in which the client was when its folder was used before. */
  readonly folder: SandboxFolder;
}

const SNAPSHOT_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const MAX_SNAPSHOTS = 100;
/** A spare that was filled longer ago than this, in milliseconds, is too old to use. */
const SPARE_USABLE = 60_000;

/** Two digits each, as at Adobe, because the official SDKs ignore other hints. */
const HINTS = { locationHint: 'adobe', cluster: 28, node: 20 } as const;

interface Spare {
  readonly room: Promise<Room>;
  readonly madeAt: number;
}

export class ClientWorld {
  readonly client: string;
  readonly clock: SandboxClock;
  readonly journal = new RequestJournal();
  readonly limits: CallLimits;
  readonly #parts: WorldParts;
  #seed: readonly SeedEntry[];
  #weather: Weather = CALM;
  #chance: () => number;
  #nextTntId: (() => string) | undefined;
  #room: Room;
  #roomName: string;
  #ids: Set<string>;
  #spare: Spare | undefined;
  #spareName = '';
  #spareIds = new Set<string>();
  readonly #snapshots = new Map<string, RoomContent>();
  /** Changes of the state run one after the other. */
  #changing: Promise<unknown> = Promise.resolve();
  #closing: Promise<unknown>[] = [];
  #isClosed = false;

  private constructor(parts: WorldParts) {
    this.#parts = parts;
    this.client = parts.client;
    this.clock = new SandboxClock(parts.clockStart, (error) =>
      parts.shared.log.error(
        { err: error, client: parts.client },
        'a scheduled action of the sandbox failed',
      ),
    );
    this.limits = callLimits(this.clock.now, () => this.#weather);
    this.#seed = parts.seed.filter(({ client }) => client === undefined || client === parts.client);
    this.#chance = seededChance(this.#seedText());
    this.#nextTntId = this.#tntIds();
    this.#roomName = parts.folder.rooms.get(parts.client) ?? this.#nextRoom();
    this.#ids = new Set();
    this.#room = this.#makeRoom(this.#roomName, this.#ids);
  }

  /** Makes the world of a client, filled with the seed unless its folder has it already. */
  static async open(parts: WorldParts): Promise<ClientWorld> {
    const world = new ClientWorld(parts);
    if (parts.folder.rooms.has(parts.client)) await world.#room.recall();
    else await world.#fillWithSeed(world.#room);
    await parts.folder.enter(parts.client, world.#roomName);
    world.#prepareSpare();
    return world;
  }

  /** The room that requests use at this moment. */
  get room(): Room {
    return this.#room;
  }

  get weather(): Weather {
    return this.#weather;
  }

  /**
   * @throws QuiverError `bad-request` for an unknown member or an invalid value; then nothing
   *   changes
   */
  changeWeather(given: unknown): void {
    const before = this.#weather;
    this.#weather = changedWeather(before, given);
    if (before.locationHints !== this.#weather.locationHints)
      this.#swap(this.#makeRoom(this.#roomName, this.#ids));
  }

  /**
   * Resets everything the client started with: seed, clock, weather, ids, journal.
   *
   * @param keepsSeed false to start empty
   */
  reset(keepsSeed = true): Promise<void> {
    return this.#change(async () => {
      this.#weather = CALM;
      this.clock.reset(this.#parts.clockStart);
      this.journal.clear();
      this.limits.reset();
      this.#chance = seededChance(this.#seedText());
      this.#nextTntId = this.#tntIds();
      if (keepsSeed) await this.#takeSpare();
      else await this.#enter(this.#nextRoom(), new Set());
    });
  }

  /** Adds the profiles for this client to its state and to the seed of later resets. */
  addSeed(given: readonly SeedEntry[]): Promise<void> {
    const entries = given.filter(({ client }) => client === undefined || client === this.client);
    return this.#change(async () => {
      await this.#fillWith(this.#room, entries);
      this.#seed = [...this.#seed, ...entries];
      this.#prepareSpare();
    });
  }

  get seededProfiles(): number {
    return this.#seed.length;
  }

  snapshot(name: string): Promise<void> {
    if (!SNAPSHOT_NAME.test(name)) {
      throw new QuiverError('bad-request', 'name: must have 1 to 64 characters of A-Z a-z 0-9 . _ -');
    }
    return this.#change(async () => {
      if (this.#snapshots.size >= MAX_SNAPSHOTS && !this.#snapshots.has(name)) {
        throw new QuiverError('bad-request', `name: at most ${MAX_SNAPSHOTS} snapshots can be kept`);
      }
      this.#snapshots.set(name, await this.#room.content());
    });
  }

  hasSnapshot(name: string): boolean {
    return this.#snapshots.has(name);
  }

  /** Restores a snapshot: profiles, settings, tokens. Clock, weather and journal stay. */
  restore(name: string): Promise<void> {
    return this.#change(async () => {
      const content = this.#snapshots.get(name);
      if (!content) throw noSuchSnapshot(name);
      const roomName = this.#nextRoom();
      const ids = new Set<string>();
      const room = this.#makeRoom(roomName, ids);
      await room.fill(content);
      await this.#parts.folder.enter(this.client, roomName);
      this.#roomName = roomName;
      this.#ids = ids;
      this.#swap(room);
    });
  }

  removeSnapshot(name: string): boolean {
    return this.#snapshots.delete(name);
  }

  get snapshots(): string[] {
    return [...this.#snapshots.keys()];
  }

  /** The profiles of a snapshot as lines of a seed. */
  snapshotLines(name: string): string[] {
    const content = this.#snapshots.get(name);
    if (!content) throw noSuchSnapshot(name);
    return content.profiles.map(({ profile, ids }) => {
      const of = (kind: IdKind) => ids.filter((id) => id.kind === kind).map(({ value }) => value);
      const customers = of('customerId').map((text) => parseCustomerId(text));
      return JSON.stringify({
        client: this.client,
        tntId: listOf(of('tntId')),
        thirdPartyId: profile.thirdPartyId,
        ecid: listOf(of('ecid')),
        customerIds:
          customers.length === 0
            ? undefined
            : Object.fromEntries(customers.map(({ alias, id }) => [alias, id])),
        attributes: Object.fromEntries(
          listAttributes(profile.attributes).map(({ name: attribute, value }) => [attribute, value]),
        ),
        modifiedAt: new Date(profile.modifiedAt).toISOString(),
      });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.clock.close();
    await this.#changing.catch(() => undefined);
    await this.#spare?.room.then((room) => room.close());
    await this.#room.close();
    await Promise.all(this.#closing);
  }

  #change<Result>(change: () => Promise<Result>): Promise<Result> {
    const changed = this.#changing.catch(() => undefined).then(change);
    this.#changing = changed;
    return changed;
  }

  #seedText(): string {
    return `${this.#parts.idSeed ?? 'quiver'}:${this.client}`;
  }

  #tntIds(): (() => string) | undefined {
    return this.#parts.idSeed === undefined ? undefined : seededIds(this.#seedText());
  }

  #nextRoom(): string {
    return this.#parts.folder.nextRoom(this.client);
  }

  /**
   * The next tntId that nobody in the room has. In a folder that stays, the first ones may be
   * taken.
   */
  #freeTntId(ids: ReadonlySet<string>): string {
    let value: string;
    do value = this.#nextTntId!();
    while (ids.has(roomKey({ kind: 'tntId', value })));
    return value;
  }

  #makeRoom(room: string, ids: Set<string>): Room {
    const { shared, stores, client, changesOfCall } = this.#parts;
    const hints = this.#weather.locationHints ? HINTS : {};
    return new Room(
      shared,
      {
        ...{ stores, client, room, ids, changesOfCall, clock: this.clock },
        weather: () => this.#weather,
        chance: () => this.#chance(),
        nextTntId: this.#nextTntId === undefined ? undefined : () => this.#freeTntId(ids),
      },
      { ...shared.config, ...hints },
    );
  }

  async #enter(roomName: string, ids: Set<string>): Promise<void> {
    await this.#parts.folder.enter(this.client, roomName);
    this.#roomName = roomName;
    this.#ids = ids;
    this.#swap(this.#makeRoom(roomName, ids));
  }

  /** Requests in progress finish in the room in which they began. */
  #swap(room: Room): void {
    const before = this.#room;
    this.#room = room;
    const closing = before.close().finally(() => {
      this.#closing = this.#closing.filter((other) => other !== closing);
    });
    this.#closing.push(closing);
  }

  async #takeSpare(): Promise<void> {
    const spare = this.#spare;
    this.#spare = undefined;
    const isFresh = spare && Math.abs(this.clock.now() - spare.madeAt) < SPARE_USABLE;
    if (isFresh) {
      const room = await spare.room;
      await this.#parts.folder.enter(this.client, this.#spareName);
      this.#roomName = this.#spareName;
      this.#ids = this.#spareIds;
      this.#swap(room);
    } else {
      spare?.room.then((room) => room.close()).catch(() => undefined);
      await this.#enter(this.#nextRoom(), new Set());
      await this.#fillWithSeed(this.#room);
    }
    this.#prepareSpare();
  }

  /** Fills the room for the next reset. An error is thrown to the caller that takes the room. */
  #prepareSpare(): void {
    if (this.#isClosed) return;
    const outdated = this.#spare?.room;
    outdated?.then((room) => room.close()).catch(() => undefined);
    this.#spareName = this.#nextRoom();
    this.#spareIds = new Set();
    const ids = this.#spareIds;
    const roomName = this.#spareName;
    const madeAt = this.#parts.clockStart?.now ?? Date.now();
    const room = setImmediate().then(async () => {
      const made = this.#makeRoom(roomName, ids);
      await this.#fillWithSeed(made, madeAt);
      return made;
    });
    room.catch(() => undefined);
    this.#spare = { room, madeAt };
  }

  #fillWithSeed(room: Room, at = this.clock.now()): Promise<void> {
    return this.#fillWith(room, this.#seed, at);
  }

  async #fillWith(room: Room, entries: readonly SeedEntry[], at = this.clock.now()): Promise<void> {
    if (entries.length === 0) return;
    const lifetime = await room.lifetime();
    const profiles = entries.map((entry) => seededProfile(entry, at, lifetime));
    await room.fill({ profiles, record: undefined, scripts: [] }, at);
  }
}

function listOf(values: readonly string[]): string | readonly string[] | undefined {
  return values.length > 1 ? values : values[0];
}

export function noSuchSnapshot(name: string): QuiverError {
  return new QuiverError('bad-request', `name: there is no snapshot ${JSON.stringify(name.slice(0, 64))}`);
}
