/**
 * The messages between the supervisor and its workers, sent as JSON over the channel between the
 * processes.
 */

export type ToWorker<Assignment> =
  /** Sent once, after the worker's `hello`: begin to serve. */
  | { readonly type: 'start'; readonly assignment: Assignment }
  /** Drain, close, exit. */
  | { readonly type: 'shutdown' }
  /** A message that another worker has sent to all workers. */
  | { readonly type: 'news'; readonly news: string }
  /** A request to report on a subject. */
  | { readonly type: 'report'; readonly round: number; readonly about: string; readonly query: string }
  /**
   * The reports of all workers, requested with `ask-all`; undefined when one did not answer in
   * time.
   */
  | {
      readonly type: 'all-reports';
      readonly question: number;
      readonly reports: readonly unknown[] | undefined;
    };

export type FromWorker =
  /**
   * The worker is listening for messages; earlier messages may be lost (`node:cluster` does not
   * keep them).
   */
  | { readonly type: 'hello' }
  | { readonly type: 'ready' }
  /**
   * A message for all other workers. Delivery is not guaranteed: a worker that dies or has not
   * started does not receive it.
   */
  | { readonly type: 'news'; readonly news: string }
  /** The store accepts no writes; repeated every few seconds while that lasts. */
  | { readonly type: 'store-stalled' }
  /** No process may continue to use the store; the whole server ends. */
  | { readonly type: 'store-lost'; readonly reason: string }
  /**
   * The worker cannot start and exits. While the server is starting, the whole server ends with
   * `exitCode`.
   */
  | { readonly type: 'failed'; readonly reason: string; readonly exitCode: number }
  | { readonly type: 'report'; readonly round: number; readonly report: unknown }
  /** Asks every worker, this one included, to report on a subject. */
  | {
      readonly type: 'ask-all';
      readonly question: number;
      readonly about: string;
      readonly query: string;
    };
