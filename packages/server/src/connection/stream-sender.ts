interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** Sends a stream as the body of an answer, no faster than the client takes it. */
export class StreamSender {
  readonly #reader: Reader;
  readonly #write: (data: string | Uint8Array) => boolean;
  #isClosed = false;
  #whenDrained: (() => void) | undefined;

  /** @param write sends a piece; false when the next one has to wait for `drained` */
  constructor(stream: ReadableStream<Uint8Array>, write: (data: string | Uint8Array) => boolean) {
    this.#reader = stream.getReader();
    this.#write = write;
  }

  /**
   * Sends all of it; rejects when the stream fails or the client is gone.
   *
   * @param inChunks whether in chunks (RFC 9112 section 7.1), or as it is, up to the end of the connection
   */
  async send(inChunks: boolean): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (this.#isClosed) throw new Error('the client is gone');
      if (done) break;
      if (value === undefined || value.length === 0) continue;
      const size = Buffer.from(`${value.length.toString(16)}\r\n`);
      if (!this.#write(inChunks ? Buffer.concat([size, value, END_OF_CHUNK]) : value)) await this.#drain();
    }
    if (inChunks) this.#write('0\r\n\r\n');
  }

  /** The client has taken in all that was sent. */
  drained(): void {
    this.#whenDrained?.();
    this.#whenDrained = undefined;
  }

  /** The client is gone: lets go of the stream. */
  close(): void {
    this.#isClosed = true;
    void this.#reader.cancel().catch(() => {});
    this.drained();
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenDrained = resolve;
    });
  }
}

const END_OF_CHUNK = Buffer.from('\r\n');
