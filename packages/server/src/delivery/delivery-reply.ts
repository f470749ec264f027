/** The answer to a Delivery request: the ids, and the same lists back without any content (contract section 7). */

import { randomUUID } from 'node:crypto';
import type { DeliveryRequest } from './delivery-schema.ts';

export interface DeliveryReplyParts {
  readonly client: string;
  /** With a hint, if hints are on. */
  readonly tntId: string;
  readonly edgeHost: string | undefined;
}

type Mboxes = NonNullable<DeliveryRequest['execute']>['mboxes'];

/** The reply as it goes into JSON: members that are undefined are left out. */
export function deliveryReply(request: DeliveryRequest, { client, tntId, edgeHost }: DeliveryReplyParts) {
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
      ? { pageLoad: execute.pageLoad ? {} : undefined, mboxes: mboxesBack(execute.mboxes) }
      : undefined,
    prefetch: prefetch
      ? {
          pageLoad: prefetch.pageLoad ? {} : undefined,
          mboxes: mboxesBack(prefetch.mboxes),
          views: prefetch.views?.map(({ name, key }) => ({ name: name ?? undefined, key: key ?? undefined })),
        }
      : undefined,
    notifications: notifications?.map((notification) => ({ id: notification.id ?? undefined })),
  };
}

function mboxesBack(mboxes: Mboxes) {
  return mboxes?.map(({ index, name }) => ({ index: index ?? undefined, name: name ?? undefined }));
}
