/**
 * The storage contract for the files of accepted batches. A file is complete and durable before its
 * batch is queued, and stays until it is removed. It is stored compressed, however it was sent. Any
 * process can read it, not only the one that received it. Errors are as in `profile-store.ts`.
 */

/** Reads the bytes of a file, uncompressed, from `start` up to but not including `end`. */
export type ReadBytes = (start: number, end: number) => AsyncIterable<Uint8Array>;

/** A file that is being received. */
export interface IncomingFile {
  write(chunk: Uint8Array): Promise<void>;
  /** Keeps the file under a batch id. It is durable when this returns. */
  keepAs(batchId: string): Promise<void>;
  /** Deletes the received data. Does nothing after `keepAs`. */
  discard(): Promise<void>;
}

export interface BatchFileStore {
  /** Prepares the store, and deletes what uploads of dead processes left behind. */
  start(): Promise<void>;

  /** Opens a file for an upload. */
  receive(): Promise<IncomingFile>;

  /** Reads the file of a batch, uncompressed, from a byte offset on. Fails if there is no file. */
  readFrom(batchId: string, start: number): AsyncIterable<Uint8Array>;

  /** Returns a function that reads parts of the file of a batch. */
  reader(batchId: string): ReadBytes;

  /** The ids of batches whose files are kept. */
  ids(): Promise<string[]>;

  remove(batchId: string): Promise<void>;
}
