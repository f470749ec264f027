/** The answer to a Delivery request: the ids, and the same lists back, without content (contract section 7). */

import { randomUUID } from 'node:crypto';
import type { DeliveryRequest } from './delivery-schema.ts';
import type { Trace } from './visit-intake.ts';

export interface DeliveryReplyParts {
  readonly client: string;
  /** With a hint, if hints are on; undefined for a visitor who has opted out and sent none. */
  readonly tntId: string | undefined;
  readonly edgeHost: string | undefined;
  readonly trace: Trace | undefined;
}

const NO_OPTIONS: readonly never[] = [];

type Mboxes = NonNullable<DeliveryRequest['execute']>['mboxes'];

/** The reply as it goes into JSON: members that are undefined are left out. */
export function deliveryReply(request: DeliveryRequest, parts: DeliveryReplyParts) {
  const { client, tntId, edgeHost, trace } = parts;
  const { id, execute, prefetch, notifications } = request;
  return {
    status: 200,
    requestId: request.requestId ?? randomUUID(),
    client,
    id: {
      tntId,
      thirdPartyId: id?.thirdPartyId ?? undefined,
      marketingCloudVisitorId: id?.marketingCloudVisitorId ?? undefined,
      customerIds: id?.customerIds ?? undefined,
    },
    edgeHost,
    execute: execute
      ? { pageLoad: execute.pageLoad ? { trace } : undefined, mboxes: mboxesBack(execute.mboxes, trace) }
      : undefined,
    prefetch: prefetch
      ? {
          pageLoad: prefetch.pageLoad ? { trace } : undefined,
          mboxes: mboxesBack(prefetch.mboxes, trace),
          views: prefetch.views?.map(({ name, key }) => ({ name: name ?? undefined, key: key ?? undefined })),
        }
      : undefined,
    notifications: notifications?.map((notification) => ({ id: notification.id ?? undefined })),
    trace,
  };
}

/**
 * The mboxes of the request, without content. `options` is there and empty, because the Python SDK
 * walks through it unasked; the trace stands in each, because SDKs drop members of the reply itself.
 */
function mboxesBack(mboxes: Mboxes, trace: Trace | undefined) {
  return mboxes?.map(({ index, name }) => {
    return { index: index ?? undefined, name: name ?? undefined, options: NO_OPTIONS, trace };
  });
}
