/** Counts how many mbox calls a request is (contract section 10). */

/** The parts of a Delivery request that are counted. */
export interface CountedRequest {
  readonly execute?:
    | { readonly pageLoad?: unknown; readonly mboxes?: readonly unknown[] | null | undefined }
    | null
    | undefined;
  readonly notifications?: readonly CountedNotification[] | null | undefined;
}

/** A notification that names an mbox, the page load, or a view. */
interface CountedNotification {
  readonly mbox?: unknown;
  readonly pageLoad?: unknown;
  readonly view?: unknown;
}

/**
 * Counts the mbox calls of one request: one for `execute.pageLoad`, one for each mbox of `execute`,
 * one for each mbox or page load that a notification names, and one for a view. A prefetch is not
 * counted.
 */
export function mboxCallsOf({ execute, notifications }: CountedRequest): number {
  let calls = (execute?.pageLoad ? 1 : 0) + (execute?.mboxes?.length ?? 0);
  for (const { mbox, pageLoad, view } of notifications ?? []) {
    calls += (mbox ? 1 : 0) + (pageLoad ? 1 : 0) + (view ? 1 : 0);
  }
  return calls;
}
