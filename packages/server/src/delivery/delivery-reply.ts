/**
 * The reply to a Delivery request: the ids, and the request's lists without content (contract
 * section 7).
 */

import { randomUUID } from 'node:crypto';
import type { DeliveryRequest } from './delivery-schema.ts';
import type { Trace } from './visit-intake.ts';

export interface DeliveryReplyParts {
  readonly client: string;
  /**
   * Includes a location hint, if hints are on; undefined for a visitor who has opted out and sent
   * no tntId.
   */
  readonly tntId: string | undefined;
  readonly edgeHost: string | undefined;
  readonly trace: Trace | undefined;
}

const NO_OPTIONS: readonly never[] = [];

type Mboxes = NonNullable<DeliveryRequest['execute']>['mboxes'];

/** The reply as a JSON value; undefined members are left out. */
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
 * The mboxes of the request, without content. `options` is present and empty because the Python SDK
 * iterates over it unconditionally. The trace is repeated in each mbox because SDKs drop unknown
 * members of the reply itself.
 */
function mboxesBack(mboxes: Mboxes, trace: Trace | undefined) {
  return mboxes?.map(({ index, name }) => {
    return { index: index ?? undefined, name: name ?? undefined, options: NO_OPTIONS, trace };
  });
}
