/** What the supervisor and its workers say to each other, as JSON over the channel between the processes. */

export type ToWorker<Assignment> =
  /** Once, after its `hello`: begin to serve. */
  | { readonly type: 'start'; readonly assignment: Assignment }
  /** Drain, close, exit. */
  | { readonly type: 'shutdown' }
  /** Another worker has said this to all. */
  | { readonly type: 'news'; readonly news: string }
  /** Report on a matter. */
  | { readonly type: 'report'; readonly round: number; readonly about: string; readonly query: string }
  /** The report of each worker, as you asked with `ask-all`; undefined when one did not answer in time. */
  | {
      readonly type: 'all-reports';
      readonly question: number;
      readonly reports: readonly unknown[] | undefined;
    };

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
  | { readonly type: 'report'; readonly round: number; readonly report: unknown }
  /** What does every worker, this one included, report on a matter? */
  | {
      readonly type: 'ask-all';
      readonly question: number;
      readonly about: string;
      readonly query: string;
    };
