/** What is counted. Only the first is metered as content is; the others are calls of the profile APIs. */
export const USAGE_KINDS = [
  'mboxCalls',
  'fetches',
  'updates',
  'batchUploads',
  'batchStatuses',
  'removals',
] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];
