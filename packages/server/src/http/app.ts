/**
 * The whole server on one page: every group of routes, and the steps each request goes through.
 *
 * The steps of a request, in order (`entrance.ts`): the Host header is checked, the client is
 * found, the guard of the route admits it, the handler answers; then errors become replies, CORS
 * and edge headers are added, and the request is counted. Routing is our own (`route-table.ts`), on
 * the path as sent.
 */

import type { Registry } from 'prom-client';
import { AdminLogins } from '../access/admin-logins.ts';
import { ConsoleSessions } from '../access/console-sessions.ts';
import { type Guard, makeGuards } from '../access/guards.ts';
import { sessionRoutes } from '../access/session-routes.ts';
import { settingsRoutes } from '../access/settings-routes.ts';
import { derivedKey } from '../access/signing-key.ts';
import { tokenRoutes } from '../access/token-routes.ts';
import { attributeNamesRoute } from '../admin/attribute-names-route.ts';
import { configurationRoute } from '../admin/configuration-route.ts';
import { profileAdminRoutes } from '../admin/profile-admin-routes.ts';
import { serverRoute } from '../admin/server-route.ts';
import { auditRoute } from '../audit/audit-route.ts';
import { audited, tokenName } from '../audit/audited.ts';
import { batchAdminRoutes } from '../batches/batch-admin-routes.ts';
import { batchRoutes } from '../batches/batch-routes.ts';
import { customerRoutes } from '../batches/customer-routes.ts';
import { changeRoutes } from '../changes/change-routes.ts';
import { webhookRoutes } from '../changes/webhooks/webhook-routes.ts';
import { webhookSecrets } from '../changes/webhooks/webhook-secret.ts';
import { WebhookTarget } from '../changes/webhooks/webhook-target.ts';
import type { ServeConfig } from '../config/config.ts';
import type { ConfigLine } from '../config/config-report.ts';
import { batchMboxRoute } from '../delivery/batch-mbox-routes.ts';
import { deliveryRoutes } from '../delivery/delivery-routes.ts';
import { mboxPageRoutes } from '../delivery/mbox-page-routes.ts';
import { optOutRoute } from '../delivery/opt-out.ts';
import { VisitIntake } from '../delivery/visit-intake.ts';
import type { UsageKind } from '../domain/usage-kind.ts';
import { rowsFromElsewhere } from '../edges/batch-rows.ts';
import { edgeRoutes } from '../edges/edge-routes.ts';
import { edgesRoute } from '../edges/edges-route.ts';
import type { QuiverError } from '../errors.ts';
import { type JournalSource, journalRoutes } from '../journal/journal-routes.ts';
import { mergeRoutes } from '../merges/merge-routes.ts';
import { mboxCallsOf } from '../metering/mbox-calls.ts';
import { usageRoutes } from '../metering/usage-routes.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type { Parts } from '../parts.ts';
import { portabilityRoutes } from '../portability/portability-routes.ts';
import { edgePrivacy } from '../privacy/privacy.ts';
import { privacyRoutes } from '../privacy/privacy-routes.ts';
import { suppressingForeignRows } from '../privacy/suppressing-store.ts';
import { fetchRoutes } from '../profiles/fetch-routes.ts';
import { removeRoutes } from '../profiles/remove-routes.ts';
import { updateRoutes } from '../profiles/update-routes.ts';
import type { Call } from '../wire/call.ts';
import { reachedFinder } from '../wire/origin.ts';
import type { Outgoing } from '../wire/replies.ts';
import type { Caller, HttpRequest } from '../wire/request.ts';
import type { Route } from '../wire/route.ts';
import { rawPathOf } from '../wire/target.ts';
import { callerFinder } from '../wire/trusted-proxies.ts';
import type { Watch } from '../wire/watch.ts';
import type { Answering } from './answering.ts';
import { consoleRoutes } from './console-routes.ts';
import { type EntranceOptions, makeEntrance } from './entrance.ts';
import { healthRoutes } from './health-routes.ts';
import { liveRoute } from './live-route.ts';
import { openApiDocument, openApiRoute } from './openapi.ts';
import { loggedMeters } from './request-log.ts';
import { requestMetrics } from './request-metrics.ts';
import { rootRoute } from './root-route.ts';
import { RouteTable } from './route-table.ts';
import type { Traffic } from './traffic.ts';

/** The part of the configuration that the app needs; no secrets. */
export type AppConfig = Pick<
  ServeConfig,
  | 'allowedHosts'
  | 'clients'
  | 'cluster'
  | 'corsOrigins'
  | 'host'
  | 'limits'
  | 'locationHint'
  | 'node'
  | 'serverDomain'
  | 'trustedProxies'
  | 'webhookAllow'
  | 'workers'
> & {
  readonly store: Pick<ServeConfig['store'], 'kind'>;
};

/** Picks from the whole configuration what the app needs, so that no secret is passed on. */
export function appConfig(config: ServeConfig): AppConfig {
  const { allowedHosts, clients, cluster, corsOrigins, host, limits, locationHint, node } = config;
  const { serverDomain, store, trustedProxies, webhookAllow, workers } = config;
  return {
    ...{ allowedHosts, clients, cluster, corsOrigins, host, limits, locationHint, node },
    ...{ serverDomain, trustedProxies, webhookAllow, workers, store: { kind: store.kind } },
  };
}

/** {@link Parts}, and what only the app needs. */
export interface AppParts extends Parts {
  readonly config: AppConfig;
  /** Called with the client when a batch has been queued. */
  readonly batchAccepted: (client: string) => void;
  readonly adminToken: string;
  /** The key that signs console sessions, see `access/signing-key.ts`. */
  readonly signingKey: string;
  readonly metrics: {
    readonly registry: Registry;
    /** The metrics of all serving processes, as text. */
    collectAll(): Promise<string>;
    /**
     * The calls of each process, undefined for one that serves none; by default those of the
     * registry.
     */
    trafficOfAll?(): Promise<readonly (Traffic | undefined)[]>;
  };
  /** Whether the server is shutting down. */
  readonly isDraining: () => boolean;
  readonly version: string;
  /** When the server was started, in epoch milliseconds. */
  readonly startedAt: number;
  /** Its settings and where they came from; absent in a sandbox. */
  readonly configuration?: readonly ConfigLine[] | undefined;
  /**
   * Where the journal of calls is, as `/{client}/target/server` reports it; absent when none is
   * kept.
   */
  readonly journalAt?: '/requests' | '/sandbox/requests';
  /** Which calls it keeps; `all` by default. */
  readonly journalKeeps?: 'all' | 'refused';
  /**
   * The journal of a server (contract section 11); absent when it keeps none. A sandbox has its
   * own.
   */
  readonly journal?: { readonly watch: Watch; readonly source: JournalSource };
  /** The journal of a sandbox, for the live view; absent in a server. */
  readonly calls?: JournalSource;
  /** The free bytes on the disk of the data folder; absent in a sandbox. */
  readonly diskFree?: () => Promise<number>;
  /** The routes of a sandbox (contract section 13); absent in a server. */
  readonly sandbox?: readonly Route[];
}

export interface App {
  /**
   * Answers one request; never throws.
   *
   * @param caller the client's connection, if known
   * @param refusal why the request could not be read, if so: it is then refused in the style of the
   *   route that its path matches
   */
  answer(request: HttpRequest, caller?: Caller, refusal?: QuiverError): NowOrLater<Outgoing>;
  /** Every route of the server. */
  readonly routes: readonly Route[];
}

/** The result of {@link appRoutes}: all routes and their guards. */
export interface AppRoutes {
  readonly routes: readonly Route[];
  readonly guards: EntranceOptions['guards'];
  readonly originOf: EntranceOptions['originOf'];
}

/** Makes every route and guard of the app. Opens and starts nothing. */
export function appRoutes(parts: AppParts): AppRoutes {
  const doors = doorsOf(parts);
  const { originOf, ...entering } = doors;
  const guards = makeGuards({ access: parts.access, originOf, ...entering });
  return {
    routes: audited(routesOf(parts, doors, guards.admin!), {
      audit: parts.stores.audit,
      tokenName: tokenName(derivedKey(parts.signingKey, 'audit'), parts.adminToken),
      referenceOf: (client, id) => parts.suppressions.hashOf(client, id),
      ...{ log: parts.log, now: parts.now },
    }),
    originOf,
    guards: { ...guards, edge: parts.edges?.guard },
  };
}

/** How callers are located and identified. */
type Doors = ReturnType<typeof doorsOf>;

function doorsOf({ config, stores, adminToken, signingKey, exchange, now }: AppParts) {
  const reachedBy = reachedFinder(config.trustedProxies);
  return {
    originOf: (call: Call) => reachedBy(call).origin,
    baseUrlOf: (call: Call) => `${reachedBy(call).origin}${reachedBy(call).prefix}`,
    callerOf: callerFinder(config.trustedProxies),
    logins: new AdminLogins(stores.logins, adminToken, now),
    sessions: new ConsoleSessions({
      signingKey,
      adminToken,
      logins: stores.logins,
      ended: () => exchange?.tell(),
      now,
    }),
  };
}

/** Every group of routes with its guard. */
function routesOf(parts: AppParts, doors: Doors, admits: Guard): Route[] {
  const { originOf, baseUrlOf, callerOf, logins, sessions } = doors;
  const { config, stores, access, usage, profiles, rulesOf, version, now } = parts;
  const intake = visitIntake(parts);
  const { batches, customerSources: sources } = stores;
  const batchParts = { batches, files: parts.files, now, accepted: parts.batchAccepted, baseUrlOf };
  const document = () => openApiDocument(routes, version);
  const routes: Route[] = [
    // Visitors and their profiles                guard
    ...deliveryRoutes(intake), //                 open
    batchMboxRoute(intake), //                    open
    ...mboxPageRoutes(intake), //                 open
    optOutRoute((call) => originOf(call).startsWith('https:')), // open
    ...counted('fetches', fetchRoutes(profiles)), //  profileApi
    ...counted('updates', updateRoutes(profiles, rulesOf, parts.placeholders.check)), // profileApi
    ...counted('removals', removeRoutes(profiles)), // adminOrProfileToken
    ...batchRoutes(batchParts).flatMap((route) =>
      counted(route.method === 'POST' ? 'batchUploads' : 'batchStatuses', [route]),
    ), //                                         profileApi
    ...batchAdminRoutes(batchParts), //           admin
    ...customerRoutes({ ...batchParts, sources, rulesOf, exchange: parts.exchange }), // admin
    ...changeRoutes(parts), //                    admin
    ...mergeRoutes(parts.merges), //              admin
    ...webhookRoutes({
      ...{ webhooks: stores.webhooks, feed: stores.changes, now },
      target: new WebhookTarget(config.webhookAllow),
      secretOf: webhookSecrets(derivedKey(parts.signingKey, 'webhook secrets')),
    }), //                                        admin
    // Who may do what
    ...tokenRoutes(access, now), //               admin
    ...settingsRoutes(access), //                 admin
    auditRoute(stores.audit, now), //             admin
    ...sessionRoutes({ sessions, logins, clients: config.clients, originOf, callerOf }), // open
    // What the console shows                     admin
    ...profileAdminRoutes(profiles, parts.attributeIndexes, now),
    ...portabilityRoutes({
      ...{ lists: stores.lists, store: parts.store, attributeNames: stores.attributeNames },
      ...{ limits: config.limits, suppressions: parts.suppressions, now },
    }),
    ...privacyRoutes({ requests: parts.privacy, secrets: parts.callbackSecrets, profiles }),
    attributeNamesRoute(stores.attributeNames),
    ...parts.scripts.routes(profiles),
    ...usageRoutes(stores.usage, () => usage.flush(), now),
    serverRoute(stores, parts),
    liveRoute(parts, admits),
    configurationRoute(parts.configuration),
    edgesRoute({
      ...{ cluster: config.cluster, peers: parts.edges?.peers ?? [], figures: stores.figures, version },
    }),
    ...edgeCallRoutes(parts), //                  edge
    // Running it
    rootRoute(version), //                        open
    ...healthRoutes(parts), //                    open
    openApiRoute(document), //                    open
    ...consoleRoutes(), //                        open
    ...journalRoutesOf(parts), //                 admin
    ...(parts.sandbox ?? []), //                  admin; only in a sandbox
  ];
  return routes;
}

/** The routes of a server's journal; none when it keeps none. */
function journalRoutesOf({ journal, version }: AppParts): Route[] {
  if (!journal) return [];
  return journalRoutes({ source: journal.source, base: '/requests', tag: 'Running it', version });
}

function visitIntake({ config, profiles, rulesOf, placeholders, access, usage }: AppParts): VisitIntake {
  const { locationHint, cluster, node, serverDomain } = config;
  return new VisitIntake({
    profiles,
    location: { locationHint, cluster, node, serverDomain },
    rulesOf,
    checkIds: placeholders.check,
    isDebugToken: async (client, token) =>
      access.isPresentToken(await access.current(client), 'debug_tools', token),
    takenIn: (client, request) => usage.count(client, 'mboxCalls', mboxCallsOf(request)),
  });
}

/** The routes that other edge clusters call; none without edge clusters. */
function edgeCallRoutes(parts: AppParts): Route[] {
  const { edges, exchange, config, stores, localProfiles, store, rulesOf, version, now, suppressions } =
    parts;
  if (!edges || !exchange) return [];
  return edgeRoutes({
    ...{ seal: edges.seal, exchange, profiles: localProfiles, store, version, now },
    merges: parts.localMerges,
    ...{ clients: config.clients, node: config.node, figures: stores.figures },
    rows: rowsFromElsewhere(suppressingForeignRows(stores.batches, suppressions), rulesOf),
    privacy: edgePrivacy(suppressions, parts.privacy),
  });
}

/** Builds the app. Opens and starts nothing. */
export function createApp(parts: AppParts): App {
  const { usage } = parts;
  return enterable(appRoutes(parts), parts, (client, kind) => usage.count(client, kind), {
    watch: parts.journal?.watch,
  });
}

/**
 * Makes the function that admits requests to routes.
 *
 * @param count counts a successful call of a client
 * @param entered what the entrance does differently from that of a server: see
 *   {@link EntranceOptions}
 */
export function enterable(
  { routes, guards, originOf }: AppRoutes,
  { config, log, metrics }: Pick<AppParts, 'config' | 'log' | 'metrics'>,
  count: EntranceOptions['count'],
  entered: Partial<Pick<EntranceOptions, 'servesAlso' | 'watch'>> = {},
): App {
  const { clients, host, serverDomain, allowedHosts, cluster, corsOrigins } = config;
  const entrance = makeEntrance({
    ...{ clients, host, serverDomain, allowedHosts, cluster, corsOrigins },
    guards,
    meterOf: loggedMeters(requestMetrics(metrics.registry), log),
    count,
    originOf,
    log,
    ...entered,
  });
  const table = new RouteTable<Answering>();
  for (const path of new Set(routes.map((route) => route.path))) {
    table.add(path, entrance.at(routes.filter((route) => route.path === path)));
  }
  const unknown = new RouteTable<Answering>();
  unknown.add('/m2/{path*}', entrance.unknownPath('xml'));
  const unknownElsewhere = entrance.unknownPath('json');
  return {
    answer(request, caller, refusal) {
      const sent = rawPathOf(request.url);
      const found = table.find(sent);
      if (found) return found(request, caller, sent, refusal);
      const path = table.withoutLastSlash(sent);
      const meant = table.find(path);
      if (meant) return meant(request, caller, path, refusal);
      return (unknown.find(sent) ?? unknownElsewhere)(request, caller, sent, refusal);
    },
    routes,
  };
}

/** Routes whose calls count as the given kind, and never as mbox calls. */
function counted(kind: UsageKind, routes: readonly Route[]): Route[] {
  return routes.map((route) => ({ ...route, counts: kind }));
}
