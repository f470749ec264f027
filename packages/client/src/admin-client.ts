/**
 * The Admin API: tokens and settings as at Adobe, and what only Quiver has. All of it needs the
 * admin token.
 */

import { type CallOptions, type Connection, type RequestBody, refusalOf } from './connection.ts';
import type { pathsOf } from './paths.ts';
import { type IdKind, textOf } from './profile-id.ts';
import type {
  AcceptedCustomerFile,
  AuditEntryView,
  AuditPageView,
  BatchView,
  Change,
  ChangePage,
  ChangeType,
  ClientSettings,
  ClientToken,
  ConfigurationLine,
  CustomerSourceView,
  EdgeView,
  FailedRow,
  FailuresPage,
  ImportCounts,
  JournalCall,
  ListedProfile,
  LiveUpdate,
  LiveView,
  MergeList,
  PrivacyRequestView,
  PrivacyType,
  ProfileExport,
  ProfilePage,
  ProfileScriptTest,
  ProfileScriptTested,
  ProfileScriptView,
  ProfileView,
  ServerView,
  Timeline,
  TokenScope,
  UnmergeView,
  UsageDay,
  WebhookFailure,
  WebhookView,
  WebhookWanted,
} from './replies.ts';
import { jsonOf, type Request, requested, undefinedWhen404 } from './requested.ts';
import { eventsOf } from './server-sent-events.ts';

/** The conditions of a list of profiles; all must be met. */
export interface ListQuery {
  /** Only ids that begin with this. */
  readonly prefix?: string | undefined;
  /** With a prefix: only ids of this kind. */
  readonly kind?: IdKind | undefined;
  /** Only profiles that changed at this time or later, ISO 8601. */
  readonly writtenSince?: string | undefined;
  readonly attribute?: { readonly name: string; readonly value: string } | undefined;
  /** The most profiles per page, 1 to 1,000; 50 by default. */
  readonly limit?: number | undefined;
  /** `next` of the previous page. */
  readonly cursor?: string | undefined;
  /** Whether to include all attributes of each profile. */
  readonly withAttributes?: boolean | undefined;
}

/** Which part of the change feed to return. */
export interface ChangesWanted {
  /** A cursor, or `now`; by default the oldest change that is kept. */
  readonly after?: string | undefined;
  /** The types to return; all by default. */
  readonly types?: readonly ChangeType[] | undefined;
  /** `profile` adds the state of its profile to each change; absent by default. */
  readonly include?: 'profile' | undefined;
  /** The most changes per page, 1 to 1,000; 100 by default. */
  readonly limit?: number | undefined;
}

/** Which part of a profile's timeline to return. */
export interface TimelineWanted {
  /** `next` of the page before, or the cursor of a change; by default the newest change. */
  readonly before?: string | undefined;
  /** The most changes per page, 1 to 1,000; 100 by default. */
  readonly limit?: number | undefined;
}

/** How long a follower waits in one call, and how much longer the call may take. */
const FOLLOW_WAIT_SECONDS = 30;
const BEYOND_WAIT_MS = 15_000;

/** What a privacy request may have beside its identities. */
export interface PrivacyRequestOptions extends CallOptions {
  /** A URL that is sent a signed message, a Standard Webhook, when the request is complete. */
  readonly callback?: string;
}

/** Every method rejects with a `QuiverClientError`. */
export class AdminClient {
  readonly #connection: Connection;
  readonly #paths: ReturnType<typeof pathsOf>;

  constructor(connection: Connection, paths: ReturnType<typeof pathsOf>) {
    this.#connection = connection;
    this.#paths = paths;
  }

  /** The current token; undefined when there is none. */
  token(scope: TokenScope = 'profile_api', options?: CallOptions): Promise<ClientToken | undefined> {
    const call = { path: this.#paths.token, query: { authorizationScope: scope } };
    return undefinedWhen404(() => this.#ask<ClientToken>(call, options, 'accessToken'));
  }

  /**
   * Creates a new token, which revokes the current one of that scope at once. Not retried when the
   * reply is lost.
   *
   * @param expiresInSeconds the lifetime of a profile token; by default that of the settings
   */
  newToken(
    scope: TokenScope = 'profile_api',
    expiresInSeconds?: number,
    options?: CallOptions,
  ): Promise<ClientToken> {
    const query = { authorizationScope: scope, expiresIn: expiresInSeconds?.toString() };
    const call: Request = { method: 'POST', path: this.#paths.token, query, repeatable: 'refused' };
    return this.#ask<ClientToken>(call, options, 'accessToken');
  }

  /** Revokes the current token of a scope (only Quiver). */
  async endToken(scope: TokenScope = 'profile_api', options?: CallOptions): Promise<void> {
    await this.#ask(
      { method: 'DELETE', path: this.#paths.token, query: { authorizationScope: scope } },
      options,
    );
  }

  /** The settings of the client. */
  settings(options?: CallOptions): Promise<ClientSettings> {
    return this.#ask<ClientSettings>(
      { path: this.#paths.settings },
      options,
      'enableProfileApiAuthentication',
    );
  }

  /** Changes the given settings; null resets one to its default. Returns all settings. */
  changeSettings(changes: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<ClientSettings> {
    const call: Request = {
      method: 'PATCH',
      path: this.#paths.settings,
      json: changes,
      repeatable: 'always',
    };
    return this.#ask<ClientSettings>(call, options, 'enableProfileApiAuthentication');
  }

  /** The names of all attributes that were ever set. */
  async attributeNames(options?: CallOptions): Promise<readonly string[]> {
    const reply = await this.#ask<{ mboxProfileAttributes: readonly string[] }>(
      { path: this.#paths.attributeNames },
      options,
      'mboxProfileAttributes',
    );
    return reply.mboxProfileAttributes;
  }

  /** Describes the server itself (only Quiver). */
  server(options?: CallOptions): Promise<ServerView> {
    return this.#ask<ServerView>({ path: this.#paths.server }, options, 'version');
  }

  /** What the server does at the moment (only Quiver). */
  live(options?: CallOptions): Promise<LiveView> {
    return this.#ask<LiveView>({ path: this.#paths.live }, options, 'traffic');
  }

  /**
   * As {@link live}, but yields what has changed, about once a second and at least that often,
   * until the server or the signal of the options ends it (only Quiver). The first updates together
   * have every member.
   */
  async *liveUpdates(options?: CallOptions): AsyncGenerator<LiveUpdate, void, undefined> {
    const call = { path: this.#paths.live, headers: { accept: 'text/event-stream' } };
    const body = await this.#open(call, options);
    for await (const data of eventsOf(body, options?.signal)) yield JSON.parse(data);
  }

  /**
   * The settings that the server runs with and where each came from (only Quiver). Rejects with
   * `refused` and status 404 in a sandbox.
   */
  async configuration(options?: CallOptions): Promise<readonly ConfigurationLine[]> {
    const call = { path: `${this.#paths.server}/configuration` };
    return (await this.#ask<{ configuration: readonly ConfigurationLine[] }>(call, options, 'configuration'))
      .configuration;
  }

  /** The edge clusters, the called one first (only Quiver). */
  async edges(options?: CallOptions): Promise<readonly EdgeView[]> {
    return (await this.#ask<{ edges: readonly EdgeView[] }>({ path: this.#paths.edges }, options, 'edges'))
      .edges;
  }

  /**
   * The counted usage per day (only Quiver).
   *
   * @param range first and last day, `2026-11-24`, UTC; the last 30 days by default
   */
  async usage(
    range: { readonly from?: string; readonly to?: string } = {},
    options?: CallOptions,
  ): Promise<readonly UsageDay[]> {
    const call = { path: this.#paths.usage, query: range };
    return (await this.#ask<{ days: readonly UsageDay[] }>(call, options, 'days')).days;
  }

  /**
   * A page of what administrators did, newest first (only Quiver).
   *
   * @param query `since`, ISO 8601; `limit`, 1 to 1,000, 100 by default; `cursor`, `next` of the
   *   page before
   */
  auditPage(
    query: { readonly since?: string; readonly limit?: number; readonly cursor?: string } = {},
    options?: CallOptions,
  ): Promise<AuditPageView> {
    const call = { path: this.#paths.audit, query: { ...query, limit: query.limit?.toString() } };
    return this.#ask<AuditPageView>(call, options, 'entries');
  }

  /**
   * Everything that administrators did since a time, newest first, page by page (only Quiver).
   */
  async *audit(since?: string, options?: CallOptions): AsyncGenerator<AuditEntryView, void, undefined> {
    for (let cursor: string | undefined; ; ) {
      const from = { ...(since !== undefined && { since }), ...(cursor !== undefined && { cursor }) };
      const page: AuditPageView = await this.auditPage({ ...from, limit: 1000 }, options);
      yield* page.entries;
      if (page.next === undefined) return;
      cursor = page.next;
    }
  }

  /** The latest batches (only Quiver). */
  async batches(options?: CallOptions): Promise<readonly BatchView[]> {
    const call = { path: this.#paths.batches };
    return (await this.#ask<{ batches: readonly BatchView[] }>(call, options, 'batches')).batches;
  }

  /** One batch; undefined when there is none (only Quiver). */
  batch(id: string, options?: CallOptions): Promise<BatchView | undefined> {
    return undefinedWhen404(() => this.#ask<BatchView>({ path: this.#paths.batch(id) }, options, 'state'));
  }

  /** Some failed rows of a batch, starting at a line (only Quiver). */
  async failures(id: string, fromLine = 1, options?: CallOptions): Promise<FailuresPage> {
    const call = { path: this.#paths.failures(id), query: { fromLine: String(fromLine) } };
    return this.#ask<FailuresPage>(call, options, 'failures');
  }

  /** All failed rows of a batch, fetched page by page (only Quiver). */
  async *failedRows(id: string, options?: CallOptions): AsyncGenerator<FailedRow, void, undefined> {
    for (let line: number | undefined = 1; line !== undefined; ) {
      const page: FailuresPage = await this.failures(id, line, options);
      yield* page.failures;
      line = page.nextLine;
    }
  }

  /** The failed rows of a batch as a file that can be sent again (only Quiver). */
  async failuresFile(id: string, options?: CallOptions): Promise<ReadableStream<Uint8Array>> {
    return this.#open({ path: this.#paths.failures(id), query: { format: 'file' } }, options);
  }

  /**
   * The last calls to the server, oldest first: to a sandbox, or to a server with `--journal` (only
   * Quiver).
   *
   * @param at the path of the journal, as {@link server} reports it
   * @param ofAll whether to include all clients; by default only this one
   */
  async requests(
    at: NonNullable<ServerView['requests']>,
    ofAll = false,
    options?: CallOptions,
  ): Promise<readonly JournalCall[]> {
    const call = { path: at, query: ofAll ? { client: '' } : {} };
    return (await this.#ask<{ requests: readonly JournalCall[] }>(call, options, 'requests')).requests;
  }

  /**
   * As {@link requests}, but yields each call from now on, until the server or the signal of the
   * options ends it (only Quiver).
   */
  async *requestsFromNow(
    at: NonNullable<ServerView['requests']>,
    ofAll = false,
    options?: CallOptions,
  ): AsyncGenerator<JournalCall, void, undefined> {
    const call = { path: `${at}/stream`, query: ofAll ? { client: '' } : {} };
    const body = await this.#open(call, options);
    for await (const data of eventsOf(body, options?.signal)) yield JSON.parse(data);
  }

  /** Deletes the recorded calls (only Quiver). See {@link requests}. */
  async forgetRequests(
    at: NonNullable<ServerView['requests']>,
    ofAll = false,
    options?: CallOptions,
  ): Promise<void> {
    const query = ofAll ? { client: '' } : {};
    await this.#ask({ method: 'DELETE', path: at, query, repeatable: 'always' }, options);
  }

  async #open(call: Request, options?: CallOptions): Promise<ReadableStream<Uint8Array>> {
    return (await this.#opened(call, options)).body!;
  }

  async #opened(call: Request, options?: CallOptions): Promise<Response> {
    const response = await this.#connection.open(call, options);
    if (response.status !== 200 || response.body === null) {
      const { status, headers } = response;
      throw refusalOf({ url: this.#connection.url, status, headers, text: await response.text() });
    }
    return response;
  }

  /**
   * A page of the change feed (only Quiver). Rejects with `refused` and status 410 when changes
   * after the cursor are no longer kept.
   *
   * @param waitSeconds how long an empty page waits for a change, 0 to 60; 0 by default
   */
  changes(
    { after, types, include, limit }: ChangesWanted = {},
    waitSeconds = 0,
    options?: CallOptions,
  ): Promise<ChangePage> {
    const query = {
      ...{ after, include, types: types?.join() },
      limit: limit?.toString(),
      wait: waitSeconds === 0 ? undefined : String(waitSeconds),
    };
    const call = { path: this.#paths.changes, query };
    const time = waitSeconds === 0 ? {} : { timeoutMs: 1000 * waitSeconds + BEYOND_WAIT_MS };
    return this.#ask<ChangePage>(call, { ...time, ...options }, 'next');
  }

  /**
   * All changes from a cursor on, including future ones, until the signal ends it (only Quiver).
   */
  async *followChanges(
    wanted: ChangesWanted = {},
    options?: CallOptions,
  ): AsyncGenerator<Change, void, undefined> {
    for (let { after } = wanted; ; ) {
      const page: ChangePage = await this.changes({ ...wanted, after }, FOLLOW_WAIT_SECONDS, options);
      yield* page.changes;
      after = page.next;
    }
  }

  /**
   * A page of the changes of one profile, newest first, also of those merged into it (only Quiver).
   * A page can be short, even empty, and have `next`. Rejects with `refused` and status 404 when
   * the server keeps no change feed.
   */
  timeline(
    id: string,
    kind: IdKind,
    { before, limit }: TimelineWanted = {},
    options?: CallOptions,
  ): Promise<Timeline> {
    const query = { [kind]: textOf('id', id), before, limit: limit?.toString() };
    return this.#ask<Timeline>({ path: this.#paths.timeline, query }, options, 'end');
  }

  /** The webhooks of the client (only Quiver). */
  async webhooks(options?: CallOptions): Promise<readonly WebhookView[]> {
    const call = { path: this.#paths.webhooks };
    return (await this.#ask<{ webhooks: readonly WebhookView[] }>(call, options, 'webhooks')).webhooks;
  }

  /**
   * Creates a webhook, which sends changes from now on; the reply contains its secret (only
   * Quiver).
   */
  makeWebhook(wanted: WebhookWanted & { readonly url: string }, options?: CallOptions): Promise<WebhookView> {
    return this.#ask<WebhookView>(
      { method: 'POST', path: this.#paths.webhooks, json: wanted },
      options,
      'id',
    );
  }

  /** Changes, pauses or resumes a webhook (only Quiver). */
  changeWebhook(id: string, wanted: WebhookWanted, options?: CallOptions): Promise<WebhookView> {
    const path = this.#paths.webhook(id);
    const call: Request = { method: 'PATCH', path, json: wanted, repeatable: 'always' };
    return this.#ask<WebhookView>(call, options, 'id');
  }

  /** Removes a webhook (only Quiver). */
  async removeWebhook(id: string, options?: CallOptions): Promise<void> {
    await this.#ask({ method: 'DELETE', path: this.#paths.webhook(id) }, options);
  }

  /** The secret of a webhook (only Quiver). @param isNew whether to replace it with a new one */
  async webhookSecret(id: string, isNew = false, options?: CallOptions): Promise<string> {
    const path = this.#paths.webhook(id, '/secret');
    const call: Request = isNew ? { method: 'POST', path } : { path };
    return (await this.#ask<{ secret: string }>(call, options, 'secret')).secret;
  }

  /** Sends a message of the type `test` now (only Quiver). */
  testWebhook(
    id: string,
    options?: CallOptions,
  ): Promise<{ readonly delivered: boolean; readonly status: number | null; readonly error: string | null }> {
    return this.#ask({ method: 'POST', path: this.#paths.webhook(id, '/test') }, options, 'delivered');
  }

  /** The undeliverable messages of a webhook, oldest first (only Quiver). */
  async webhookFailures(id: string, options?: CallOptions): Promise<readonly WebhookFailure[]> {
    const call = { path: this.#paths.webhook(id, '/failures') };
    return (await this.#ask<{ failures: readonly WebhookFailure[] }>(call, options, 'failures')).failures;
  }

  /** Sends the undeliverable messages again; returns their number (only Quiver). */
  async redeliver(id: string, options?: CallOptions): Promise<number> {
    const path = this.#paths.webhook(id, '/failures/redeliver');
    const call: Request = { method: 'POST', path, repeatable: 'always' };
    return (await this.#ask<{ redelivered: number }>(call, options, 'redelivered')).redelivered;
  }

  /** Resumes a stuck batch (only Quiver). */
  async retryBatch(id: string, options?: CallOptions): Promise<void> {
    await this.#ask({ method: 'POST', path: this.#paths.retry(id), repeatable: 'always' }, options);
  }

  /** The profile scripts of the client, by name (only Quiver). */
  async scripts(options?: CallOptions): Promise<readonly ProfileScriptView[]> {
    const call = { path: this.#paths.scripts };
    return (await this.#ask<{ scripts: readonly ProfileScriptView[] }>(call, options, 'scripts')).scripts;
  }

  /** One profile script; undefined when there is none (only Quiver). */
  script(name: string, options?: CallOptions): Promise<ProfileScriptView | undefined> {
    const call = { path: this.#paths.script(name) };
    return undefinedWhen404(() => this.#ask<ProfileScriptView>(call, options, 'script'));
  }

  /**
   * Sets a profile script, new or changed (only Quiver). One that the server disabled runs again.
   *
   * @param enabled whether it runs; it does by default
   */
  setScript(name: string, script: string, enabled = true, options?: CallOptions): Promise<ProfileScriptView> {
    const path = this.#paths.script(name);
    const call: Request = { method: 'PUT', path, json: { script, enabled }, repeatable: 'always' };
    return this.#ask<ProfileScriptView>(call, options, 'script');
  }

  /** Deletes a profile script (only Quiver). Stored values stay in profiles. */
  async deleteScript(name: string, options?: CallOptions): Promise<void> {
    await this.#ask({ method: 'DELETE', path: this.#paths.script(name) }, options);
  }

  /** Runs a profile script on a profile and stores nothing (only Quiver). */
  testScript(
    name: string,
    test: ProfileScriptTest = {},
    options?: CallOptions,
  ): Promise<ProfileScriptTested> {
    const path = this.#paths.script(name, '/test');
    return this.#ask({ method: 'POST', path, json: test, repeatable: 'always' }, options);
  }

  /** The sources of customer attributes (only Quiver). */
  async customerSources(options?: CallOptions): Promise<readonly CustomerSourceView[]> {
    const call = { path: this.#paths.customerSources };
    return (await this.#ask<{ sources: readonly CustomerSourceView[] }>(call, options, 'sources')).sources;
  }

  /**
   * Uploads a CSV file of customer attributes, plain, gzipped or zipped. When this resolves, the
   * server has stored the file; it then applies it as a batch (only Quiver). Retried only when the
   * server refused because it was busy.
   *
   * @param content the bytes, or a function that makes them for each try
   * @param ids what the first column contains; set by the first upload of a source, `customerId` by
   *   default
   */
  uploadCustomerAttributes(
    source: string,
    content: RequestBody | (() => RequestBody),
    ids?: CustomerSourceView['ids'],
    options?: CallOptions,
  ): Promise<AcceptedCustomerFile> {
    const call: Request = {
      method: 'POST',
      path: this.#paths.customerSource(source),
      query: { ids },
      headers: { 'content-type': 'text/csv' },
      body: content,
      repeatable: 'refused',
    };
    // No limit, because the time depends on the size of the file and the speed of the connection.
    return this.#ask<AcceptedCustomerFile>(call, { timeoutMs: 0, ...options }, 'batchId');
  }

  /**
   * A profile with all its ids; undefined when there is none (only Quiver).
   *
   * @param kind the kind of the id; by default it is guessed from the id's form
   */
  async profile(id: string, kind?: IdKind, options?: CallOptions): Promise<ProfileView | undefined> {
    const call = { path: this.#paths.adminProfile, query: { id: textOf('id', id), kind } };
    return undefinedWhen404(() => this.#ask<ProfileView>(call, options, 'attributes'));
  }

  /** A page of the profiles of the client (only Quiver). */
  profilePage(query: ListQuery = {}, options?: CallOptions): Promise<ProfilePage> {
    const { prefix, kind, writtenSince, attribute, limit, cursor, withAttributes } = query;
    const call: Request = {
      path: this.#paths.adminProfile,
      query: {
        prefix,
        kind,
        writtenSince,
        cursor,
        limit: limit?.toString(),
        show: withAttributes ? 'attributes' : undefined,
        attribute: attribute && `${escaped(attribute.name)}:${attribute.value}`,
      },
    };
    return this.#ask<ProfilePage>(call, options, 'profiles');
  }

  /** All profiles that meet the conditions, fetched page by page (only Quiver). */
  async *profiles(
    query: Omit<ListQuery, 'cursor'> = {},
    options?: CallOptions,
  ): AsyncGenerator<ListedProfile, void, undefined> {
    for (let cursor: string | undefined; ; ) {
      const page: ProfilePage = await this.profilePage({ ...query, cursor }, options);
      yield* page.profiles;
      if (page.next === undefined) return;
      cursor = page.next;
    }
  }

  /**
   * Every profile of the client, as NDJSON or as a table (only Quiver).
   *
   * @param from the snapshot and the position at which to resume an export; a new export by default
   */
  async exportProfiles(
    format: 'ndjson' | 'csv' = 'ndjson',
    from: { readonly snapshot: string; readonly after?: string | undefined } | undefined = undefined,
    options?: CallOptions,
  ): Promise<ProfileExport> {
    const query = { format, snapshot: from?.snapshot, after: from?.after };
    const response = await this.#opened({ path: this.#paths.profileExport, query }, options);
    return { snapshot: response.headers.get('x-quiver-snapshot') ?? '', body: response.body! };
  }

  /**
   * Imports an export (only Quiver). Sending the same export twice has the same effect as sending
   * it once.
   *
   * @param body an export as NDJSON, or a function that makes it for each try
   */
  importProfiles(body: RequestBody | (() => RequestBody), options?: CallOptions): Promise<ImportCounts> {
    const call: Request = {
      method: 'POST',
      path: this.#paths.profileImport,
      headers: { 'content-type': 'application/x-ndjson' },
      body,
      repeatable: typeof body === 'function' ? 'always' : 'never',
    };
    // No limit, because the time depends on the size of the file and the speed of the connection.
    return this.#ask<ImportCounts>(call, { timeoutMs: 0, ...options }, 'imported');
  }

  /**
   * Requests access to, erasure or suppression of persons (only Quiver). The server continues on
   * its own until the state is `complete`.
   *
   * @param identities the ids of the persons
   */
  privacyRequest(
    type: PrivacyType,
    identities: readonly Partial<Readonly<Record<IdKind, string>>>[],
    { callback, ...options }: PrivacyRequestOptions = {},
  ): Promise<PrivacyRequestView> {
    const call: Request = {
      method: 'POST',
      path: this.#paths.privacyRequests,
      json: { type, identities, ...(callback !== undefined && { callback }) },
      repeatable: 'always',
    };
    return this.#ask<PrivacyRequestView>(call, options, 'state');
  }

  /** The status of a privacy request; undefined when there is none (only Quiver). */
  privacyStatus(id: string, options?: CallOptions): Promise<PrivacyRequestView | undefined> {
    const call = { path: this.#paths.privacyRequest(id) };
    return undefinedWhen404(() => this.#ask<PrivacyRequestView>(call, options, 'state'));
  }

  /**
   * The secret that callbacks of privacy requests are signed with (only Quiver).
   * @param isNew whether to replace it with a new one
   */
  async privacySecret(isNew = false, options?: CallOptions): Promise<string> {
    const path = this.#paths.privacySecret;
    const call: Request = isNew ? { method: 'POST', path } : { path };
    return (await this.#ask<{ secret: string }>(call, options, 'secret')).secret;
  }

  /**
   * The stored data of an identity of an access request, counted from 1, as JSON text (only
   * Quiver).
   */
  async privacyFile(id: string, n: number, options?: CallOptions): Promise<string> {
    return (await requested(this.#connection, { path: this.#paths.privacyFile(id, n) }, options)).text;
  }

  /**
   * The newest 100 merges that involved an id, or another id of its profile, newest first, and the
   * edge clusters that could not be asked for more (only Quiver). Rejects with `refused` and status
   * 404 when the server records no merges.
   */
  merges(id: string, kind: IdKind, options?: CallOptions): Promise<MergeList> {
    const call = { path: this.#paths.merges, query: { [kind]: textOf('id', id) } };
    return this.#ask<MergeList>(call, options, 'merges');
  }

  /**
   * Undoes a merge (only Quiver). Rejects with `refused` and status 409 when that is not possible
   * any more; the message says why. Not retried when the reply is lost.
   *
   * @param id the id of the merge, as {@link merges} reports it
   * @param isPreview whether to change nothing and only report what would be changed
   */
  unmerge(id: string, isPreview = false, options?: CallOptions): Promise<UnmergeView> {
    const query = isPreview ? { preview: 'true' } : {};
    const call: Request = {
      ...{ method: 'POST', path: this.#paths.unmerge(id), query },
      repeatable: isPreview ? 'always' : 'refused',
    };
    return this.#ask<UnmergeView>(call, options, 'removed');
  }

  /** Sets attributes of a profile (only Quiver). */
  async setAttributes(
    id: string,
    kind: IdKind,
    attributes: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<void> {
    const query = { id: textOf('id', id), kind };
    const path = this.#paths.adminProfile;
    const call: Request = { method: 'PATCH', path, query, json: { attributes }, repeatable: 'always' };
    await this.#ask(call, options);
  }

  /** Removes an attribute of a profile (only Quiver). */
  async removeAttribute(id: string, kind: IdKind, name: string, options?: CallOptions): Promise<void> {
    const query = { id: textOf('id', id), kind, name: textOf('name', name) };
    await this.#ask({ method: 'DELETE', path: this.#paths.adminAttribute, query }, options);
  }

  /** Removes a profile with all its ids (only Quiver). */
  async removeProfile(id: string, kind: IdKind, options?: CallOptions): Promise<void> {
    await this.#ask(
      { method: 'DELETE', path: this.#paths.adminProfile, query: { id: textOf('id', id), kind } },
      options,
    );
  }

  async #ask<Reply>(call: Request, options?: CallOptions, member?: string): Promise<Reply> {
    const reply = await requested(this.#connection, call, options);
    // A 204 reply has no body.
    return reply.text === '' ? (undefined as Reply) : jsonOf<Reply>(reply, member);
  }
}

/** Escapes the name of an attribute, which a colon ends. */
function escaped(name: string): string {
  return name.replaceAll('%', '%25').replaceAll(':', '%3A');
}
