/**
 * What a server does at the moment, as server-sent events: one connection for everything that the
 * Home page of the console shows (contract section 11).
 *
 * The first events have every member, later ones those that have changed. Each member is read at
 * its own pace, and only while the reader takes what is sent; without a reader nothing runs. The
 * stream ends when the reader leaves, when the server stops, and when its caller is no longer the
 * administrator.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { QuiverError } from '../errors.ts';
import type { JournalCall } from '../journal/journal-call.ts';
import type { JournalSource } from '../journal/journal-routes.ts';
import type { Log } from '../log.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type { Call } from '../wire/call.ts';

/** Reads the members of the live view; each may reject with a `QuiverError`. */
export interface LiveParts {
  traffic(): Promise<unknown>;
  server(): Promise<unknown>;
  /** Free bytes on the disk of the data folder; null when there is none to measure. */
  diskFree(): Promise<number | null>;
  batches(client: string): Promise<unknown>;
  usage(client: string): Promise<readonly { readonly day: string }[]>;
  /** The journal of calls; undefined when none is kept. */
  readonly calls: JournalSource | undefined;
  /** Throws, or rejects, when the call may not be answered any longer. */
  readonly admits: (call: Call) => NowOrLater<void>;
  readonly isDraining: () => boolean;
  readonly log: Log;
}

/** In milliseconds. */
const LOOK_EVERY_MS = 100;
const EVENT_EVERY_MS = 1000;
const ADMIT_EVERY_MS = 10_000;
const LISTEN_AGAIN_MS = 1000;
/** How many refused calls are shown, and how many others. */
const LATEST = 5;
/** Unread calls are reduced to the latest when there are this many. */
const MAX_UNREAD = 200;
const ADMIN_ROUTES: ReadonlySet<string | undefined> = new Set(['admin', 'settings', 'token']);

/** @param call the call that the stream answers */
export function liveStream(parts: LiveParts, call: Call): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const follower = new LiveFollower(parts, call);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const event = await follower.next();
        if (event !== undefined) controller.enqueue(encoder.encode(event));
        else if (!follower.isLeft) controller.close();
      },
      cancel: () => follower.leave(),
    },
    { highWaterMark: 0 },
  );
}

/**
 * The calls to show: the latest refused ones and the latest others, oldest first, without those of
 * the Admin API.
 */
export function callsToShow(calls: readonly JournalCall[]): JournalCall[] {
  const traffic = calls.filter(({ route }) => !ADMIN_ROUTES.has(route));
  const isRefused = ({ status, reason }: JournalCall) => status >= 400 || reason !== undefined;
  return [
    ...traffic.filter(isRefused).slice(-LATEST),
    ...traffic.filter((call) => !isRefused(call)).slice(-LATEST),
  ].sort((a, b) => a.id - b.id);
}

/** Follows one member. */
class LiveMember {
  readonly name: string;
  readonly #everyMs: number;
  readonly #read: () => Promise<unknown>;
  readonly #newsOf: (value: unknown) => unknown;
  readonly #log: Log;
  #value: unknown;
  #dueAt = 0;

  constructor(
    name: string,
    everyMs: number,
    read: () => Promise<unknown>,
    newsOf: (value: unknown) => unknown,
    log: Log,
  ) {
    this.name = name;
    this.#everyMs = everyMs;
    this.#read = read;
    this.#newsOf = newsOf;
    this.#log = log;
  }

  /** Begins to read it if that is due and not under way. */
  look(now: number): void {
    if (now < this.#dueAt) return;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#read()
      .then(
        (value) => {
          this.#value = value;
        },
        (err: unknown) => {
          // The member is sent when it can be read again.
          if (!(err instanceof QuiverError))
            this.#log.warn({ err, member: this.name }, 'a part of the live view could not be read');
        },
      )
      .finally(() => {
        this.#dueAt = now + this.#everyMs;
      });
  }

  /** What is to be sent of it; undefined for nothing. */
  news(): unknown {
    return this.#value === undefined ? undefined : this.#newsOf(this.#value);
  }
}

class LiveFollower {
  readonly #parts: LiveParts;
  readonly #call: Call;
  readonly #members: readonly LiveMember[];
  isLeft = false;
  #admitAt = performance.now() + ADMIT_EVERY_MS;
  #listenAt = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #calls: JournalCall[] | null | undefined;
  #stopListening = () => {};

  constructor(parts: LiveParts, call: Call) {
    this.#parts = parts;
    this.#call = call;
    const { client } = call;
    const member = (name: string, everyMs: number, read: () => Promise<unknown>, newsOf = wholeNews()) =>
      new LiveMember(name, everyMs, read, newsOf, parts.log);
    this.#members = [
      member('traffic', 1000, () => parts.traffic()),
      member('batches', 1000, () => parts.batches(client)),
      member('usage', 2000, () => parts.usage(client), newsOfDays()),
      member('diskFree', 5000, () => parts.diskFree()),
      // Redis Cluster counts its profiles for it.
      member('server', 5000, () => parts.server()),
    ];
  }

  leave(): void {
    this.isLeft = true;
    this.#stopListening();
  }

  /** Waits for the next event; undefined when there will be none. */
  async next(): Promise<string | undefined> {
    while (!this.isLeft && !this.#parts.isDraining() && (await this.#isAdmitted())) {
      const now = performance.now();
      for (const member of this.#members) member.look(now);
      if (now >= this.#listenAt) void this.#listen();
      await pause(LOOK_EVERY_MS);
      const event = this.#event();
      if (event !== undefined) return event;
    }
    this.#stopListening();
    return undefined;
  }

  #event(): string | undefined {
    const news = Object.fromEntries(
      this.#members.map((member) => [member.name, member.news()]).filter(([, value]) => value !== undefined),
    );
    const requests = this.#calls && callsToShow(this.#calls);
    this.#calls = undefined;
    const isNews = requests !== undefined || Object.keys(news).length > 0;
    if (!isNews && performance.now() < this.#sentAt + EVENT_EVERY_MS) return undefined;
    this.#sentAt = performance.now();
    const at = new Date().toISOString();
    return `event: live\ndata: ${JSON.stringify({ at, ...news, requests })}\n\n`;
  }

  async #isAdmitted(): Promise<boolean> {
    if (performance.now() < this.#admitAt) return true;
    this.#admitAt = performance.now() + ADMIT_EVERY_MS;
    try {
      await this.#parts.admits(this.#call);
      return true;
    } catch (error) {
      if (error instanceof QuiverError) return error.code === 'unavailable';
      throw error;
    }
  }

  async #listen(): Promise<void> {
    this.#listenAt = Number.POSITIVE_INFINITY;
    const { calls } = this.#parts;
    const { client } = this.#call;
    if (!calls) {
      this.#calls = null;
      return;
    }
    try {
      // It listens before it reads the kept calls, so that none is missed in between; a call may
      // come twice.
      this.#stopListening = await calls.listen(
        client,
        (one) => this.#add([one]),
        () => {},
      );
      if (this.isLeft) this.#stopListening();
      else this.#add(await calls.calls({ client }));
    } catch (error) {
      this.#stopListening();
      if (!(error instanceof QuiverError)) throw error;
      this.#listenAt = performance.now() + LISTEN_AGAIN_MS;
    }
  }

  #add(calls: readonly JournalCall[]): void {
    const all = [...(this.#calls ?? []), ...calls];
    this.#calls = all.length > MAX_UNREAD ? callsToShow(all) : all;
  }
}

/** A value is news when it differs from the one before. */
function wholeNews(): (value: unknown) => unknown {
  let sent: string | undefined;
  return (value) => {
    const text = JSON.stringify(value);
    if (text === sent) return undefined;
    sent = text;
    return value;
  };
}

/** Only the days whose counts have changed are news. */
function newsOfDays(): (value: unknown) => unknown {
  const sent = new Map<string, string>();
  return (value) => {
    const changed = (value as readonly { readonly day: string }[]).filter((day) => {
      const text = JSON.stringify(day);
      const isNew = sent.get(day.day) !== text;
      sent.set(day.day, text);
      return isNew;
    });
    return changed.length === 0 ? undefined : changed;
  };
}
