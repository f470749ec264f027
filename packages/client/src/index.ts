/** The exports of the package. */

export { AdminClient, type ChangesWanted, type ListQuery, type TimelineWanted } from './admin-client.ts';
export {
  type BatchKey,
  type BatchLimits,
  type EncodedBatch,
  encodeBatches,
  type ProfileRecord,
} from './batch-encoder.ts';
export type {
  Call,
  CallOptions,
  ConnectionOptions,
  RawReply,
  Repeatable,
  RequestBody,
} from './connection.ts';
export { type FailureKind, QuiverArgumentError, QuiverClientError } from './errors.ts';
export { pathsOf } from './paths.ts';
export { type FetchKind, type IdKind, type ProfileId, profileId } from './profile-id.ts';
export {
  type AppliedBatch,
  type BatchOptions,
  type BatchVersion,
  QuiverClient,
  type SendOptions,
  type WaitOptions,
} from './quiver-client.ts';
export * from './replies.ts';
export { messageOf } from './reply-text.ts';
export type { Request } from './requested.ts';
export type { MboxDetails, Visit, VisitDetails, VisitorIds, VisitReply } from './visit.ts';
