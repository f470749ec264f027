/** What the supervisor and its workers say to each other, as JSON over the channel between the processes. */

export type ToWorker<Assignment> =
  /** Once, after its `hello`: begin to serve. */
  | { readonly type: 'start'; readonly assignment: Assignment }
  /** Drain, close, exit. */
  | { readonly type: 'shutdown' }
  /** Another worker has said this to all. */
  | { readonly type: 'news'; readonly news: string }
  /** Send what you have measured. */
  | { readonly type: 'report-metrics'; readonly round: number }
  /** What you asked for with `all-metrics`; without a text it could not be had. */
  | { readonly type: 'all-metrics'; readonly question: number; readonly text: string | undefined };

export type FromWorker =
  /** It listens; what is sent before may be lost (`node:cluster` does not keep it). */
  | { readonly type: 'hello' }
  | { readonly type: 'ready' }
  /** Say this to all other workers. Nobody answers for it: who dies or is not there yet does not hear it. */
  | { readonly type: 'news'; readonly news: string }
  /** The store takes no writes; said again every few seconds as long as it does not. */
  | { readonly type: 'store-stalled' }
  /** No process may go on with the store: the whole server ends. */
  | { readonly type: 'store-lost'; readonly reason: string }
  /** It cannot start and ends now; `exitCode` is what the whole server ends with when it was starting. */
  | { readonly type: 'failed'; readonly reason: string; readonly exitCode: number }
  | { readonly type: 'metrics'; readonly round: number; readonly metrics: readonly object[] }
  /** Somebody asked this worker for the metrics of all. */
  | { readonly type: 'all-metrics'; readonly question: number };
