interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** Sends a stream as the body of an answer, no faster than the client receives it. */
export class StreamSender {
  readonly #reader: Reader;
  readonly #write: (data: string | Uint8Array) => boolean;
  #isClosed = false;
  #whenDrained: (() => void) | undefined;

  /** @param write sends a piece; returns false when the next one must wait for `drained` */
  constructor(stream: ReadableStream<Uint8Array>, write: (data: string | Uint8Array) => boolean) {
    this.#reader = stream.getReader();
    this.#write = write;
  }

  /**
   * Sends the whole stream; rejects when the stream fails or the client is gone.
   *
   * @param inChunks whether to send chunks (RFC 9112 section 7.1), or raw bytes up to the end of
   *   the connection
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

  /** The client has received everything that was sent. */
  drained(): void {
    this.#whenDrained?.();
    this.#whenDrained = undefined;
  }

  /** Cancels the stream, because the client is gone. */
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
