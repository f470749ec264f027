/**
 * The types that `quiver-client` gives its users, and with it to the command line and the console,
 * are those of the replies that this server describes: each reply fits its type, and no type has a
 * member that the server does not send. `npm run check` compiles this.
 */

import type * as client from 'quiver-client';
import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { TokenReply } from './access/token-routes.ts';
import type { ConfigurationReply } from './admin/configuration-route.ts';
import type { ProfileList, ProfileView } from './admin/profile-admin-schemas.ts';
import type { ServerReply } from './admin/server-route.ts';
import type { AuditReply } from './audit/audit-route.ts';
import type { BatchReply, FailuresReply } from './batches/batch-admin-routes.ts';
import type { CustomerSourceReply } from './batches/customer-routes.ts';
import type { ChangeView } from './changes/change-view.ts';
import type { TimelineReply } from './changes/timeline-route.ts';
import type { WebhookFailureReply, WebhookReply } from './changes/webhooks/webhook-routes.ts';
import type { EdgesReply } from './edges/edges-route.ts';
import type { LiveReply } from './http/live-route.ts';
import type { MergeList, UnmergeReply } from './merges/merge-routes.ts';
import type { UsageReply } from './metering/usage-routes.ts';
import type { ImportReply } from './portability/portability-routes.ts';
import type { PrivacyRequestReply } from './privacy/privacy-routes.ts';
import type { ProfileReply } from './profiles/profile-schemas.ts';
import type { ProfileScriptReply, ProfileScriptTestReply } from './scripts/script-routes.ts';

/** What a server sends: members that are undefined are left out of JSON. */
type Sent<Reply> = Reply extends readonly (infer Item)[]
  ? readonly Sent<Item>[]
  : Reply extends object
    ? { readonly [Name in keyof Reply]: Sent<Exclude<Reply[Name], undefined>> }
    : Reply;

/** The members of a type that the reply does not have; never when there are none. */
type Missing<Type, Reply> = Exclude<keyof Type, keyof Reply>;

interface Pairs {
  token: [z.output<typeof TokenReply>, client.ClientToken];
  profile: [z.output<typeof ProfileReply>, client.Profile];
  view: [z.output<typeof ProfileView>, client.ProfileView];
  list: [z.output<typeof ProfileList>, client.ProfilePage];
  listed: [z.output<typeof ProfileList>['profiles'][number], client.ListedProfile];
  server: [z.output<typeof ServerReply>, client.ServerView];
  live: [z.output<typeof LiveReply>, client.LiveView];
  traffic: [z.output<typeof LiveReply>['traffic'], client.LiveView['traffic']];
  configured: [z.output<typeof ConfigurationReply>['configuration'][number], client.ConfigurationLine];
  audit: [z.output<typeof AuditReply>, client.AuditPageView];
  entry: [z.output<typeof AuditReply>['entries'][number], client.AuditEntryView];
  batch: [z.output<typeof BatchReply>, client.BatchView];
  failures: [z.output<typeof FailuresReply>, client.FailuresPage];
  failedRow: [z.output<typeof FailuresReply>['failures'][number], client.FailedRow];
  source: [z.output<typeof CustomerSourceReply>, client.CustomerSourceView];
  change: [z.output<typeof ChangeView>, client.Change];
  timeline: [z.output<typeof TimelineReply>, client.Timeline];
  webhook: [z.output<typeof WebhookReply>, client.WebhookView];
  webhookFailure: [z.output<typeof WebhookFailureReply>, client.WebhookFailure];
  edge: [z.output<typeof EdgesReply>['edges'][number], client.EdgeView];
  day: [z.output<typeof UsageReply>['days'][number], client.UsageDay];
  import: [z.output<typeof ImportReply>, client.ImportCounts];
  merges: [z.output<typeof MergeList>, client.MergeList];
  unmerged: [z.output<typeof UnmergeReply>, client.UnmergeView];
  privacy: [z.output<typeof PrivacyRequestReply>, client.PrivacyRequestView];
  script: [z.output<typeof ProfileScriptReply>, client.ProfileScriptView];
  scriptTest: [z.output<typeof ProfileScriptTestReply>, client.ProfileScriptTested];
}

/** The names of the pairs that do not agree. */
type Different = {
  [Name in keyof Pairs]: [Missing<Pairs[Name][1], Pairs[Name][0]>] extends [never]
    ? Sent<Pairs[Name][0]> extends Pairs[Name][1]
      ? never
      : Name
    : Name;
}[keyof Pairs];

test('every reply type of quiver-client matches the reply of the server', () => {
  expectTypeOf<Different>().toBeNever();
});
