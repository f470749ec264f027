/**
 * What is counted. Only the first is metered as content is; the others are calls of the profile
 * APIs, but for the last: ids that came with a write and are placeholders (`placeholder-id.ts`).
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
