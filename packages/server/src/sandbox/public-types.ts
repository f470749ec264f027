/** The types that `quiver-server/sandbox` exports: plain types that refer to no library. */

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
  /** The route that it affects. */
  readonly route: RouteName;
  /** Only for this client; by default for all. */
  readonly client?: string | undefined;
  /** Only for calls that name this id. */
  readonly id?: string | undefined;
  /** How many calls it affects; all by default. */
  readonly times?: number | undefined;
  /** The share of calls that it affects, drawn from the seed; excludes `times`. */
  readonly probability?: number | undefined;
  /** The status of the reply; 503 by default. */
  readonly status?: number | undefined;
  /** The body of the reply instead of a refusal of the route. */
  readonly body?: string | undefined;
  /** Seconds for Retry-After. */
  readonly retryAfter?: number | undefined;
  /** Real milliseconds before the reply; without a status, the route still answers. */
  readonly delayMs?: number | undefined;
  /**
   * Cuts the connection in the middle of the head, so that the caller gets no reply, or in the
   * middle of the body.
   */
  readonly cut?: 'head' | 'body' | undefined;
  /** Whether the call is carried out and only its reply is lost; false by default. */
  readonly applied?: boolean | undefined;
}

/**
 * Behaviours of Adobe Target where Quiver is stricter; durations are ISO 8601. See contract section
 * 13.
 */
export interface Weather {
  /** How long it takes until a fetch shows a single update. */
  readonly updatesVisibleAfter: string;
  /** How long it takes until two profiles are merged. */
  readonly mergesVisibleAfter: string;
  /** How long a batch waits before its rows are applied. */
  readonly batchesTake: string;
  /**
   * Whether a v2 batch replaces what the previous batch set, unless the visitor came in between.
   */
  readonly batchOverrides: boolean;
  /** The share of rows that are lost although they count as successful, 0 to 1. */
  readonly lostRows: number;
  /** Admin and batch calls per minute; further calls get 503; null for no limit. */
  readonly callsAMinute: number | null;
  readonly updatesADay: number | null;
  readonly fetchesADay: number | null;
  /** Concurrent visits of one session; further visits get 420; null for no limit. */
  readonly callsASession: number | null;
  /** Whether tntIds and `edgeHost` name an edge cluster as at Adobe. */
  readonly locationHints: boolean;
}

/** Changes of the weather. Members that are absent stay unchanged, or are those of the preset. */
export type WeatherInput = { readonly [Member in keyof Weather]?: Weather[Member] | undefined } & {
  readonly preset?: 'calm' | 'adobe' | undefined;
};

/** A profile of a seed, with at least one id. */
export interface SeedProfile {
  /** The client that it belongs to; by default every client. */
  readonly client?: string | undefined;
  readonly tntId?: string | readonly string[] | undefined;
  readonly thirdPartyId?: string | undefined;
  readonly ecid?: string | readonly string[] | undefined;
  /** By alias. */
  readonly customerIds?: Readonly<Record<string, string>> | undefined;
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** ISO 8601; by default the time at which the sandbox starts. */
  readonly modifiedAt?: string | undefined;
}

export interface StartSandboxOptions {
  /**
   * Client codes served; the first is the default client; `'*'` serves any. The default is `['*']`,
   * with the default client `demo`.
   */
  readonly clients?: readonly string[];
  /**
   * The initial state of every client: profiles, or the text of a seed file (JSON, NDJSON, YAML).
   * Empty by default.
   */
  readonly seed?: readonly SeedProfile[] | string;
  /**
   * Where the clock starts, ISO 8601; it then stands still unless `frozen` is false. By default the
   * system's clock is used.
   */
  readonly now?: string | Date;
  readonly frozen?: boolean;
  /** `seed:<text>` generates the same ids in the same order in every run; `random` by default. */
  readonly ids?: 'random' | `seed:${string}`;
  /** The port to listen on; by default 0, which picks a free one. */
  readonly port?: number;
  /** A loopback address; 127.0.0.1 by default. */
  readonly host?: string;
  /** The admin token; random by default. */
  readonly adminToken?: string;
  /** A folder that keeps all profiles for a later sandbox; a temporary one by default. */
  readonly data?: string;
  /** The domain that follows client codes in host names; `tt.omtrdc.net` by default. */
  readonly serverDomain?: string;
}

/** Controls of one client's state, clock, faults and journal. */
export interface SandboxHandles {
  /** Resets seed, clock, weather, ids, faults and journal. Snapshots stay. */
  reset(options?: { readonly seed?: boolean }): Promise<void>;
  /** Adds profiles to the current state and to the seed of later resets. */
  seed(profiles: readonly SeedProfile[] | string): Promise<void>;
  /** Saves profiles, settings and tokens under a name. */
  snapshot(name: string): Promise<void>;
  /** Restores a snapshot. Rejects when there is none with this name. */
  restore(name: string): Promise<void>;
  /** Switches on Adobe's weather, in whole or in part. */
  weather(weather: WeatherInput): Promise<Weather>;
  readonly clock: {
    now(): Promise<Date>;
    set(state: { readonly now?: string | Date; readonly frozen?: boolean }): Promise<void>;
    /**
     * Moves the clock forward by an ISO 8601 duration such as `P15D`; resolves when everything that
     * became due is done.
     */
    advance(by: string): Promise<void>;
  };
  readonly faults: {
    /** Adds a fault. Rejects when a member is invalid. */
    add(fault: FaultInput): Promise<SandboxFault>;
    clear(): Promise<void>;
  };
  readonly requests: {
    /** The calls that match a filter, oldest first. */
    find(filter?: CallFilter): Promise<JournalCall[]>;
    count(filter?: CallFilter): Promise<number>;
    /** Calls that were refused or found nothing, with the reason. */
    unmatched(filter?: CallFilter): Promise<JournalCall[]>;
    /**
     * Rejects unless the expected number of calls match; the message shows the most similar call.
     *
     * @param options.times the expected number; at least one by default
     */
    expect(filter: CallFilter, options?: { readonly times?: number }): Promise<void>;
    /** The journal as HAR 1.2. */
    har(filter?: CallFilter): Promise<unknown>;
    clear(): Promise<void>;
  };
}

export interface SandboxFault {
  readonly id: string;
  /** How many calls it has affected. */
  readonly hits: number;
  remove(): Promise<void>;
}

/** A separate client, for tests that run in parallel. */
export interface SandboxClient extends SandboxHandles {
  /** The client code. */
  readonly code: string;
  readonly url: string;
}

export interface RunningSandbox extends SandboxHandles, AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly adminToken: string;
  /**
   * Answers a request in process, whatever host it is for. A request from an interceptor such as
   * MSW is answered as if it had come over the network, and nothing leaves the machine. The Host
   * header is that of the URL.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /**
   * Makes a client with its own state, clock, faults and journal, or returns the controls of an
   * existing one.
   */
  client(code?: string): Promise<SandboxClient>;
  /** Stops listening and removes the store; may be called twice. */
  close(): Promise<void>;
}
