/**
 * The storage contract of the files of accepted batches: a file is whole and durable before its
 * batch is queued, and stays until it is removed. It is stored packed, however it was sent. Whoever
 * applies a batch can read it, whichever process took it in. Errors are as in `profile-store.ts`.
 */

/**
 * Reads the bytes of a file, as they were sent and unpacked, from `start` to `end`, the end not
 * included.
 */
export type ReadBytes = (start: number, end: number) => AsyncIterable<Uint8Array>;

/** A file that is being received. */
export interface IncomingFile {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes it the file of a batch; durable when this returns. */
  keepAs(batchId: string): Promise<void>;
  /** Removes what came; safe to call after `keepAs`, which it leaves alone. */
  discard(): Promise<void>;
}

export interface BatchFileStore {
  /** Makes ready, and removes what uploads of dead processes left. */
  start(): Promise<void>;

  /** Opens a file to receive into. */
  receive(): Promise<IncomingFile>;

  /** Reads the file of a batch, unpacked, from a byte on; fails when there is none. */
  readFrom(batchId: string, start: number): AsyncIterable<Uint8Array>;

  /** Reads parts of the file of a batch. */
  reader(batchId: string): ReadBytes;

  /** The batches whose files are kept. */
  ids(): Promise<string[]>;

  remove(batchId: string): Promise<void>;
}
