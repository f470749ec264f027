/**
 * Builds the parts between the stores and the routes, in one place for the server, a sandbox, the
 * demo and the tests. Opens and starts nothing.
 */

import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { ClientAccess } from './access/client-access.ts';
import { derivedKey } from './access/signing-key.ts';
import { BatchRunner } from './batches/batch-runner.ts';
import { forgetInBatches } from './batches/forget-in-batches.ts';
import { webhookSecrets } from './changes/webhooks/webhook-secret.ts';
import { DELIVERY_PAUSES, WebhookTarget } from './changes/webhooks/webhook-target.ts';
import type { RulesOf } from './domain/client-rules.ts';
import { EdgeBatchRows } from './edges/batch-rows.ts';
import { ClientExchange } from './edges/client-exchange.ts';
import type { EdgeLinks } from './edges/edge-links.ts';
import { LocatedMerges } from './edges/located-merges.ts';
import { LocatedProfiles } from './edges/located-profiles.ts';
import { privacyPeers } from './edges/privacy-peers.ts';
import type { Log } from './log.ts';
import { PlaceholderIds } from './metering/placeholder-ids.ts';
import { UsageMeter } from './metering/usage-meter.ts';
import { whenKnown } from './now-or-later.ts';
import { SUPPRESSION_KEY, suppressionsOf } from './privacy/privacy.ts';
import { PrivacyCallbacks } from './privacy/privacy-callbacks.ts';
import { PrivacyRequests } from './privacy/privacy-requests.ts';
import { suppressingProfiles } from './privacy/suppressing-store.ts';
import type { Suppressions } from './privacy/suppressions.ts';
import { ProfileScripts } from './scripts/profile-scripts.ts';
import { ScriptRunner } from './scripts/script-runner.ts';
import { AttributeNames, notingNames } from './service/attribute-names.ts';
import { LocalMerges } from './service/local-merges.ts';
import { localProfiles } from './service/local-profiles.ts';
import type { MergeService } from './service/merge-service.ts';
import type { ProfileService } from './service/profile-service.ts';
import type { BatchFileStore } from './storage/batch-file-store.ts';
import { AttributeIndexes } from './storage/kept/attribute-indexes.ts';
import { privacyRequestStore } from './storage/kept/privacy-request-store.ts';
import type { ProfileStore } from './storage/profile-store.ts';
import type { Stores } from './storage/stores.ts';

export interface PartsOptions {
  readonly stores: Stores;
  /** Where uploaded batches are kept. */
  readonly files: BatchFileStore;
  /** The client codes that are served. */
  readonly clients: readonly string[];
  /** The numbers of this edge cluster and of its node. */
  readonly cluster: number;
  readonly node: number;
  /** The other edge clusters; undefined without any. */
  readonly edges?: EdgeLinks | undefined;
  /**
   * The secret from which the keys of tokens and sessions are derived, see `access/signing-key.ts`.
   */
  readonly signingKey: string;
  /** Private addresses and ranges to which callbacks may be sent; none by default. */
  readonly webhookAllow?: readonly string[];
  readonly registry: Registry;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /**
   * Where profile scripts run; one of its own by default, which ends with {@link Parts.scripts}.
   */
  readonly scriptRunner?: ScriptRunner;
  /**
   * Gives `Math.random` of each visit's scripts its beginning, a whole number below 2^32; a random
   * one by default.
   */
  readonly scriptSeed?: (() => number) | undefined;
}

export interface Parts {
  readonly stores: Stores;
  readonly files: BatchFileStore;
  readonly log: Log;
  readonly now: () => number;
  /** The settings and tokens of the clients. */
  readonly access: ClientAccess;
  readonly rulesOf: RulesOf;
  /** Counts the calls of this process. */
  readonly usage: UsageMeter;
  readonly placeholders: PlaceholderIds;
  readonly attributeNames: AttributeNames;
  /** Lists of profiles, through indexes of attributes where a client has some. */
  readonly attributeIndexes: AttributeIndexes;
  /** The profile scripts; stopped when nothing is served any more. */
  readonly scripts: ProfileScripts;
  /**
   * The profiles of this cluster in their store; visits run scripts, writes record attribute names.
   */
  readonly store: ProfileStore;
  /** Decides which ids must not be stored. */
  readonly suppressions: Suppressions;
  /** The privacy requests of persons, and the secrets of their callbacks. */
  readonly privacy: PrivacyRequests;
  readonly callbackSecrets: CallbackSecrets;
  /** The profiles of this cluster. */
  readonly localProfiles: ProfileService;
  /** The profiles of all clusters. */
  readonly profiles: ProfileService;
  /** The merges that this cluster recorded. */
  readonly localMerges: LocalMerges;
  /** The merges of all clusters. */
  readonly merges: MergeService;
  readonly edges: EdgeLinks | undefined;
  /**
   * Shares settings, tokens, scripts, sources and sessions with the other clusters; present
   * whenever `edges` is.
   */
  readonly exchange: ClientExchange | undefined;
}

export function makeParts(options: PartsOptions): Parts {
  const { stores, files, edges, registry, log, now } = options;
  const exchange = edges && exchangeWith(edges, options);
  const access = new ClientAccess({
    clients: stores.clients,
    tokenKey: derivedKey(options.signingKey, 'profile token'),
    now,
    changed: () => exchange?.tell(),
  });
  const rulesOf: RulesOf = (client) => access.rulesOf(client);
  const usage = new UsageMeter({ usage: stores.usage, registry, log, now });
  const attributeNames = new AttributeNames(stores.attributeNames, log);
  const suppressions = suppressionsOf(stores.records, derivedKey(options.signingKey, SUPPRESSION_KEY));
  const scripts = new ProfileScripts({
    ...{ store: stores.scripts, log, now, seed: options.scriptSeed },
    changed: () => exchange?.tell(),
    runner: options.scriptRunner ?? new ScriptRunner(log),
    isRunnerOwn: options.scriptRunner === undefined,
  });
  const attributeIndexes = new AttributeIndexes({
    ...{ records: stores.records, lists: stores.lists, profiles: stores.profiles, now },
    feed: stores.changes,
    wantedBy: (client) => whenKnown(access.current(client), ({ settings }) => settings.indexedAttributes),
  });
  const kept = suppressingProfiles(stores.profiles, suppressions);
  const store = scripts.visits(notingNames(kept, attributeNames));
  const here = localProfiles({ store, rulesOf, now });
  const profiles = edges ? profilesOfAll(here, store, edges, options) : here;
  const localMerges = new LocalMerges({
    ...{ trail: stores.merges, profiles: stores.profiles, suppressions, now },
  });
  const callbackSecrets = secretsOfCallbacks(options);
  return {
    ...{ stores, files, log, now, access, rulesOf, usage, attributeNames, scripts, store, edges },
    ...{ exchange, attributeIndexes },
    placeholders: new PlaceholderIds({ registry, usage, log, now, rulesOf }),
    localProfiles: here,
    ...{ profiles, suppressions, localMerges },
    merges: edges ? mergesOfAll(localMerges, store, edges, options) : localMerges,
    privacy: privacyRequests(options, profiles, suppressions, callbackSecrets, attributeIndexes),
    callbackSecrets,
  };
}

type CallbackSecrets = ReturnType<typeof secretsOfCallbacks>;

/** The secrets with which the callbacks of privacy requests are signed, one for each client. */
function secretsOfCallbacks({ stores, signingKey }: Pick<PartsOptions, 'stores' | 'signingKey'>) {
  const requests = privacyRequestStore(stores.records);
  const secretOf = webhookSecrets(derivedKey(signingKey, 'webhook secrets'));
  // No webhook has this id.
  const secret = (client: string, version: number) => secretOf(client, { id: 'privacy', version });
  return {
    current: async (client: string) => secret(client, await requests.secretVersion(client)),
    renewed: async (client: string) => secret(client, await requests.renewSecret(client)),
  };
}

function privacyRequests(
  { stores, files, edges, webhookAllow = [], log, now }: PartsOptions,
  profiles: ProfileService,
  suppressions: Suppressions,
  secrets: CallbackSecrets,
  indexes: AttributeIndexes,
): PrivacyRequests {
  const requests = privacyRequestStore(stores.records);
  const target = new WebhookTarget(webhookAllow);
  return new PrivacyRequests({
    ...{ suppressions, profiles, indexes, requests, log, now },
    callbacks: new PrivacyCallbacks({
      ...{ requests, pauses: DELIVERY_PAUSES, log, now },
      send: async (client, url, message) => target.send(url, await secrets.current(client), message),
    }),
    peers: privacyPeers(edges?.peers ?? []),
    feed: stores.changes,
    merges: stores.merges,
    forgetInBatches: (client, ids) => forgetInBatches({ batches: stores.batches, files }, client, ids),
  });
}

function exchangeWith({ peers }: EdgeLinks, { clients, stores, log }: PartsOptions): ClientExchange {
  const shared = { scripts: stores.scripts.shared, customerSources: stores.customerSources.shared };
  return new ClientExchange({ clients, store: stores.clients, logins: stores.logins, shared, peers, log });
}

function profilesOfAll(
  here: ProfileService,
  store: ProfileStore,
  { peers }: EdgeLinks,
  { cluster, node, log, now }: PartsOptions,
): ProfileService {
  return new LocatedProfiles({ cluster, node, profiles: here, store, peers, log, now });
}

function mergesOfAll(
  local: LocalMerges,
  store: ProfileStore,
  { peers }: EdgeLinks,
  { cluster, log, now }: PartsOptions,
): MergeService {
  return new LocatedMerges({ cluster, local, store, peers, log, now });
}

/** Makes the runner that applies the batches of some clients; it is not started yet. */
export function batchRunner(parts: Parts, clients: readonly string[]): BatchRunner {
  const { stores, files, edges, attributeNames, rulesOf, placeholders, suppressions, log, now } = parts;
  return new BatchRunner({
    ...{ batches: stores.batches, files, clients, rulesOf, placeholders, suppressions, log, now },
    holder: randomUUID(),
    noteNames: (client, names) => attributeNames.note(client, names),
    ...(edges && {
      rowsElsewhere: new EdgeBatchRows({ store: stores.profiles, peers: edges.peers, now }),
    }),
  });
}
