/** What `quiver-server/sandbox` shows of itself: plain types, without those of any library. */

import type { CallFilter, JournalCall, RouteName } from '../journal/journal-call.ts';

export type {
  CallChange as Change,
  CallFilter,
  JournalCall,
  NamedId,
  RouteName,
} from '../journal/journal-call.ts';

/** A fault; see contract section 13. */
export interface FaultInput {
  /** The route that it is for. */
  readonly route: RouteName;
  /** For this client alone; for all by default. */
  readonly client?: string | undefined;
  /** For calls that name this id alone. */
  readonly id?: string | undefined;
  /** How often it strikes; always by default. */
  readonly times?: number | undefined;
  /** The share of calls that it strikes, drawn from the seed; never with `times`. */
  readonly probability?: number | undefined;
  /** What is answered; 503 by default. */
  readonly status?: number | undefined;
  /** The body instead of a refusal of the route. */
  readonly body?: string | undefined;
  /** Seconds for Retry-After. */
  readonly retryAfter?: number | undefined;
  /** Real milliseconds before the answer; alone it delays a good answer. */
  readonly delayMs?: number | undefined;
  /** The connection is cut in the midst of the head, so that the caller gets no answer, or in the midst of the body. */
  readonly cut?: 'head' | 'body' | undefined;
  /** Whether the call is carried out, and only its answer lost; false by default. */
  readonly applied?: boolean | undefined;
}

/** How Adobe Target behaves where Quiver is better; durations are ISO 8601. See contract section 13. */
export interface Weather {
  /** How long a single update takes until a fetch shows it. */
  readonly updatesVisibleAfter: string;
  /** How long two profiles take to be merged. */
  readonly mergesVisibleAfter: string;
  /** How long a batch waits before its rows are applied. */
  readonly batchesTake: string;
  /** Whether a v2 batch replaces what the batch before it set, unless the visitor came in between. */
  readonly batchOverrides: boolean;
  /** The share of rows that are lost although they count as successful, 0 to 1. */
  readonly lostRows: number;
  /** Admin and batch calls a minute, beyond which is 503; null for no limit. */
  readonly callsAMinute: number | null;
  readonly updatesADay: number | null;
  readonly fetchesADay: number | null;
  /** Visits of one session at the same time, beyond which is 420; null for no limit. */
  readonly callsASession: number | null;
  /** Whether tntIds and `edgeHost` name an edge cluster as at Adobe. */
  readonly locationHints: boolean;
}

/** Changes of the weather; members that are left out stay, or are those of the preset. */
export type WeatherInput = { readonly [Member in keyof Weather]?: Weather[Member] | undefined } & {
  readonly preset?: 'calm' | 'adobe' | undefined;
};

/** A profile of a seed: at least one id. */
export interface SeedProfile {
  /** The client that it is for; for every client by default. */
  readonly client?: string | undefined;
  readonly tntId?: string | readonly string[] | undefined;
  readonly thirdPartyId?: string | undefined;
  readonly ecid?: string | readonly string[] | undefined;
  /** By alias. */
  readonly customerIds?: Readonly<Record<string, string>> | undefined;
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** ISO 8601; the time at which the sandbox starts by default. */
  readonly modifiedAt?: string | undefined;
}

export interface StartSandboxOptions {
  /** Client codes served, the first is the default client; `'*'` serves any. `['*']` by default, whose default client is `demo`. */
  readonly clients?: readonly string[];
  /** What every client starts from: profiles, or the text of a seed file (JSON, NDJSON, YAML). Nothing by default. */
  readonly seed?: readonly SeedProfile[] | string;
  /** Where the clock starts, ISO 8601. It then stands still unless `frozen` is false. That of the system by default. */
  readonly now?: string | Date;
  readonly frozen?: boolean;
  /** `seed:<text>` makes the same ids in the same order in every run; `random` by default. */
  readonly ids?: 'random' | `seed:${string}`;
  /** Where to listen; 0, a free one, by default. */
  readonly port?: number;
  /** An address of loopback; 127.0.0.1 by default. */
  readonly host?: string;
  /** A random one by default. */
  readonly adminToken?: string;
  /** What client codes stand before in host names; `tt.omtrdc.net` by default. */
  readonly serverDomain?: string;
}

/** One client's state, clock, faults and journal. */
export interface SandboxHandles {
  /** Back to the start: seed, clock, weather, ids, faults, journal. Snapshots stay. */
  reset(options?: { readonly seed?: boolean }): Promise<void>;
  /** Adds profiles, to what is there and to what a reset goes back to. */
  seed(profiles: readonly SeedProfile[] | string): Promise<void>;
  /** Keeps profiles, settings and tokens under a name. */
  snapshot(name: string): Promise<void>;
  /** Goes back to a snapshot. Rejects when there is none of the name. */
  restore(name: string): Promise<void>;
  /** Lets Adobe's weather come up, in whole or in part. */
  weather(weather: WeatherInput): Promise<Weather>;
  readonly clock: {
    now(): Promise<Date>;
    set(state: { readonly now?: string | Date; readonly frozen?: boolean }): Promise<void>;
    /** Lets time pass, an ISO 8601 duration such as `P15D`; returns when all that became due has happened. */
    advance(by: string): Promise<void>;
  };
  readonly faults: {
    /** Adds a fault. Rejects when a member breaks its rule. */
    add(fault: FaultInput): Promise<SandboxFault>;
    clear(): Promise<void>;
  };
  readonly requests: {
    /** The calls that a filter lets through, oldest first. */
    find(filter?: CallFilter): Promise<JournalCall[]>;
    count(filter?: CallFilter): Promise<number>;
    /** Calls that were refused or found nothing, with the reason. */
    unmatched(filter?: CallFilter): Promise<JournalCall[]>;
    /**
     * Rejects unless as many calls fit; the message shows the call that comes nearest.
     *
     * @param options.times how many; at least one by default
     */
    expect(filter: CallFilter, options?: { readonly times?: number }): Promise<void>;
    /** The journal as HAR 1.2. */
    har(filter?: CallFilter): Promise<unknown>;
    clear(): Promise<void>;
  };
}

export interface SandboxFault {
  readonly id: string;
  /** How often it has struck. */
  readonly hits: number;
  remove(): Promise<void>;
}

/** A client of its own, for tests that run side by side. */
export interface SandboxClient extends SandboxHandles {
  /** The client code. */
  readonly code: string;
  readonly url: string;
}

export interface RunningSandbox extends SandboxHandles, AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly adminToken: string;
  /**
   * Answers a request in process, whatever host it is for: what an interceptor such as MSW hands on is answered as if it had come
   * over the network, and nothing leaves the machine. The Host header is that of the URL.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Makes a client with its own state, clock, faults and journal, or gives the handles of one that is served. */
  client(code?: string): Promise<SandboxClient>;
  /** Stops listening and removes the store; may be called twice. */
  close(): Promise<void>;
}
