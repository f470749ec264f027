/**
 * What is counted. Only the first kind is metered as content. The others are calls of the profile
 * APIs, except the last: placeholder ids in writes (`placeholder-id.ts`).
 */
export const USAGE_KINDS = [
  'mboxCalls',
  'fetches',
  'updates',
  'batchUploads',
  'batchStatuses',
  'removals',
  'placeholderIds',
] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];
