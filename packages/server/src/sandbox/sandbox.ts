/**
 * The sandbox: Quiver with controls for tests (contract section 13).
 *
 * It has one store in one folder and one application. The routes of a client lead to that client's
 * world, which is made when the client is first named; all other routes are those of a server.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { Guard } from '../access/guards.ts';
import type { ServeConfig } from '../config/config.ts';
import { QuiverError } from '../errors.ts';
import { type App, appConfig, enterable } from '../http/app.ts';
import type { JournalSource } from '../journal/journal-routes.ts';
import type { Log } from '../log.ts';
import { ScriptRunner } from '../scripts/script-runner.ts';
import { openStores } from '../server.ts';
import type { BatchFileStore } from '../storage/batch-file-store.ts';
import type { Stores } from '../storage/stores.ts';
import { quiverVersion } from '../version.ts';
import type { Call } from '../wire/call.ts';
import { CLIENT_CODE } from '../wire/client-of-request.ts';
import type { Route } from '../wire/route.ts';
import { CallWatch } from './call-watch.ts';
import { ClientWorld } from './client-world.ts';
import { FaultList } from './faults.ts';
import type { CallFilter, Change, JournalCall } from './public-types.ts';
import { RequestJournal } from './request-journal.ts';
import { Room, type SharedParts } from './room.ts';
import { type ClockState, SandboxClock } from './sandbox-clock.ts';
import { lastingFolder, type SandboxFolder, temporaryFolder } from './sandbox-folder.ts';
import { requireServed, type SeedEntry } from './seed.ts';
import { CALM, changedWeather } from './weather.ts';

export interface SandboxOptions {
  readonly config: ServeConfig;
  /** Whether any client code is served, in addition to those of the configuration. */
  readonly anyClient: boolean;
  /** A folder that stays; a temporary one when it is left out. */
  readonly data: string | undefined;
  readonly seed: readonly SeedEntry[];
  /** Where every clock starts; undefined for the system's clock. */
  readonly clockStart: ClockState | undefined;
  /** The seed of generated ids; random when undefined. */
  readonly idSeed: string | undefined;
  /** The routes that control the sandbox, see `sandbox-routes.ts`. */
  readonly routesOf: (sandbox: Sandbox) => Route[];
  readonly log?: Log;
}

/** Each client has its own world; further clients are refused. */
const MAX_CLIENTS = 1000;

export class Sandbox {
  readonly app: App;
  readonly adminToken: string;
  readonly faults: FaultList;
  readonly options: SandboxOptions;
  /** Calls that reached no client. */
  readonly strays = new RequestJournal();
  readonly #stores: Stores;
  readonly #folder: SandboxFolder;
  readonly #shared: SharedParts;
  readonly #worlds = new Map<string, ClientWorld | Promise<ClientWorld>>();
  readonly #changes = new AsyncLocalStorage<Change[]>();
  readonly #names: string[];
  readonly #made = new Set<string>();
  /**
   * Changes that were made for all clients; clients that are named later start with them. A reset
   * of all clients drops them, except the seeds.
   */
  readonly #done: {
    readonly lasts: boolean;
    readonly apply: (world: ClientWorld) => void | Promise<void>;
  }[] = [];
  readonly #closeListeners = new Set<() => void>();
  readonly #worldListeners = new Set<(world: ClientWorld) => void>();
  #lastMade = 0;
  #closing: Promise<void> | undefined;

  /** Opens a store in a temporary folder that is removed with the sandbox, or in one that stays. */
  static async open(options: SandboxOptions): Promise<Sandbox> {
    const { data, config, seed } = options;
    requireServed(seed, (client) => isServed(client, config.clients, options));
    const folder = await (data === undefined
      ? temporaryFolder(config.signingKey)
      : lastingFolder(data, config.signingKey));
    try {
      const { changes } = config;
      const stores = await openStores({ ...config, dataDir: folder.path }, undefined, { changes });
      const files = stores.batchFiles;
      await files.start();
      const sandbox = new Sandbox(options, stores, files, folder);
      const clients = new Set([...config.clients, ...folder.rooms.keys()]);
      await Promise.all(
        [...clients].filter((client) => sandbox.#serves(client)).map((client) => sandbox.world(client)),
      );
      return sandbox;
    } catch (error) {
      await folder.release();
      throw error;
    }
  }

  private constructor(options: SandboxOptions, stores: Stores, files: BatchFileStore, folder: SandboxFolder) {
    this.options = options;
    this.#stores = stores;
    this.#folder = folder;
    this.#names = [...options.config.clients];
    this.faults = new FaultList(options.idSeed ?? 'quiver', (client) => this.#serves(client));
    const log = options.log ?? pino({ level: 'silent' });
    const registry = new Registry();
    this.adminToken = options.config.adminToken ?? randomBytes(32).toString('base64url');
    this.#shared = {
      // The list grows as clients are named.
      config: { ...appConfig(options.config), clients: this.#names },
      files,
      log,
      adminToken: this.adminToken,
      signingKey: folder.signingKey,
      metrics: { registry, collectAll: () => registry.metrics() },
      isDraining: () => this.#closing !== undefined,
      version: quiverVersion(),
      startedAt: Date.now(),
      journalAt: '/sandbox/requests',
      calls: this.journal,
      scriptRunner: new ScriptRunner(log),
    };
    this.app = this.#makeApp();
  }

  /**
   * The world of a client; it is made if it does not exist yet.
   *
   * @throws QuiverError `bad-request` when there are too many
   */
  world(client: string): ClientWorld | Promise<ClientWorld> {
    const known = this.#worlds.get(client);
    if (known) return known;
    if (this.#worlds.size >= MAX_CLIENTS) {
      throw new QuiverError('bad-request', `client: a sandbox serves at most ${MAX_CLIENTS} clients`);
    }
    const opening = ClientWorld.open({
      ...this.options,
      client,
      shared: this.#shared,
      stores: this.#stores,
      changesOfCall: () => this.#changes.getStore(),
      folder: this.#folder,
    }).then(async (world) => {
      for (const { apply } of this.#done) await apply(world);
      this.#worlds.set(client, world);
      if (!this.#names.includes(client)) this.#names.push(client);
      for (const listener of this.#worldListeners) listener(world);
      return world;
    });
    this.#worlds.set(client, opening);
    opening.catch(() => this.#worlds.delete(client));
    return opening;
  }

  /**
   * The world of a client that is served, or the worlds of all clients without one.
   *
   * @throws QuiverError (rejects) `bad-request` when it is not served
   */
  async worlds(client?: string): Promise<ClientWorld[]> {
    if (client === undefined) return Promise.all(this.#worlds.values());
    if (!this.#serves(client)) {
      throw new QuiverError('bad-request', `client: ${JSON.stringify(client.slice(0, 64))} is not served`);
    }
    return [await this.world(client)];
  }

  get clients(): readonly string[] {
    return this.#names;
  }

  /** Makes a client with an unused client code. */
  async newClient(): Promise<ClientWorld> {
    let code: string;
    do {
      this.#lastMade += 1;
      code = `client-${this.#lastMade}`;
    } while (this.#names.includes(code) || this.#folder.rooms.has(code));
    this.#made.add(code);
    return this.world(code);
  }

  /** Resets one client or all; snapshots stay. */
  async reset(client?: string, keepsSeed = true): Promise<void> {
    const worlds = await this.worlds(client);
    this.faults.clear(client);
    if (client === undefined) {
      this.strays.clear();
      this.#done.splice(0, this.#done.length, ...this.#done.filter(({ lasts }) => lasts));
    }
    await Promise.all(worlds.map((world) => world.reset(keepsSeed)));
  }

  /** Moves the clock of one client or of all; resolves when everything that became due is done. */
  moveClock(client: string | undefined, move: (clock: SandboxClock) => Promise<void>): Promise<void> {
    return this.#apply(client, false, async (world) => {
      await move(world.clock);
      await world.room.batchesDone();
    });
  }

  /**
   * Changes the weather of one client or of all. @throws QuiverError (rejects) `bad-request`; then
   * nothing changes
   */
  async changeWeather(client: string | undefined, given: unknown): Promise<void> {
    changedWeather(CALM, given);
    await this.#apply(client, false, (world) => world.changeWeather(given));
  }

  /** Adds profiles to the state of one client or of all, and to the seed of later resets. */
  async addSeed(client: string | undefined, entries: readonly SeedEntry[]): Promise<void> {
    requireServed(entries, (one) => this.#serves(one));
    return this.#apply(client, true, (world) => world.addSeed(entries));
  }

  /** Applies an action to one client, or to all, including those that are named later. */
  async #apply(
    client: string | undefined,
    lasts: boolean,
    apply: (world: ClientWorld) => void | Promise<void>,
  ): Promise<void> {
    const worlds = await this.worlds(client);
    if (client === undefined) this.#done.push({ lasts, apply });
    await Promise.all(worlds.map((world) => apply(world)));
  }

  /** The calls that match a filter, in the order in which they were answered. */
  async calls(filter: CallFilter = {}): Promise<JournalCall[]> {
    const worlds = await this.worlds(filter.client);
    const journals = [...worlds.map(({ journal }) => journal), this.strays];
    return journals.flatMap((journal) => journal.find(filter)).sort((a, b) => a.id - b.id);
  }

  /** The journals of all clients combined, for the routes. */
  get journal(): JournalSource {
    return {
      calls: (filter) => this.calls(filter),
      listen: async (client, tell, ended) => {
        const worlds = await this.worlds(client);
        const journals = worlds.map(({ journal }) => journal);
        if (client === undefined) journals.push(this.strays);
        const ends: (() => void)[] = journals.map((journal) => journal.listen(tell));
        const listenToNew = ({ journal }: ClientWorld) => void ends.push(journal.listen(tell));
        if (client === undefined) this.#worldListeners.add(listenToNew);
        ends.push(this.onClose(ended), () => this.#worldListeners.delete(listenToNew));
        return () => {
          for (const end of ends.splice(0)) end();
        };
      },
      clear: (client) => this.clearJournal(client),
    };
  }

  /** Deletes the calls of one client, or of all. */
  async clearJournal(client?: string): Promise<void> {
    for (const { journal } of await this.worlds(client)) journal.clear();
    if (client === undefined) this.strays.clear();
  }

  /** Reports that a request has arrived; see {@link Stores.requestArrives}. */
  requestArrives(): void {
    this.#stores.requestArrives();
  }

  /** Calls `listener` when the sandbox closes. @returns a function that removes the listener */
  onClose(listener: () => void): () => void {
    this.#closeListeners.add(listener);
    return () => this.#closeListeners.delete(listener);
  }

  /** Ends streams that would keep connections open; call this before closing the listener. */
  endStreams(): void {
    for (const listener of [...this.#closeListeners]) listener();
  }

  /**
   * Closes the stores and removes all files. The listener must be closed before, because requests
   * are not stopped.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const world of await Promise.all(this.#worlds.values())) await world.close();
    await this.#shared.scriptRunner.close();
    await this.#stores.close();
    await this.#folder.release();
  }

  #serves(client: string): boolean {
    return this.#made.has(client) || isServed(client, this.#names, this.options);
  }

  #makeApp(): App {
    const clock = new SandboxClock();
    const parts = {
      ...{ stores: this.#stores, client: this.#names[0]!, room: '~', ids: new Set<string>(), clock },
      ...{ weather: () => CALM, chance: Math.random, nextTntId: undefined, changesOfCall: () => undefined },
    };
    // This room is used only for routes that serve no client, and to recognise the admin.
    const home = new Room(this.#shared, parts, this.#shared.config, this.options.routesOf(this));
    const routes = home.routes.routes.map((route, index) =>
      route.scope !== 'server' ? { ...route, handle: this.#intoWorld(index) } : route,
    );
    const guards = {
      ...home.routes.guards,
      profileApi: this.#ofWorld('profileApi'),
      adminOrProfileToken: this.#ofWorld('adminOrProfileToken'),
    };
    const watch = new CallWatch({
      worldOf: (client) => this.world(client),
      faults: this.faults,
      strays: this.strays,
      changes: this.#changes,
      now: Date.now,
    });
    const count = (client: string, kind: Parameters<typeof home.usage.count>[1]) =>
      this.#opened(client).room.usage.count(client, kind);
    return enterable({ ...home.routes, routes, guards }, this.#shared, count, {
      servesAlso: (client) => this.#serves(client),
      watch,
    });
  }

  #intoWorld(index: number): Route['handle'] {
    return (call: Call) => this.#opened(call.client).room.routes.routes[index]!.handle(call);
  }

  #ofWorld(kind: 'profileApi' | 'adminOrProfileToken'): Guard {
    return (call) => this.#opened(call.client).room.routes.guards[kind]?.(call);
  }

  /** The world of a client; the watch has opened it before the call gets here. */
  #opened(client: string): ClientWorld {
    const world = this.#worlds.get(client);
    if (world instanceof ClientWorld) return world;
    throw new RangeError(`the world of ${client} is not open`);
  }
}

function isServed(client: string, names: readonly string[], { anyClient }: SandboxOptions): boolean {
  return names.includes(client) || (anyClient && CLIENT_CODE.test(client));
}
