/** What the application reads of a request and its connection. */

/**
 * A request. A web-standard `Request` has all of these members, and the connection's own request
 * (`connection/incoming-request.ts`) has no others.
 */
export interface HttpRequest {
  readonly method: string;
  /** The target as it was sent (`/a?b`), or an absolute URL that ends in it. */
  readonly url: string;
  readonly headers: {
    /** The value of a header, several values joined with commas; null when it is absent. */
    get(name: string): string | null;
    has(name: string): boolean;
  };
  /**
   * The body as it arrives, to be read once; null when there is none, as with every GET and HEAD.
   */
  readonly body: AsyncIterable<Uint8Array<ArrayBuffer>> | null;
  /** Reads the whole body; use this or {@link body}, not both. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** The client at the other end of the connection. */
export interface Caller {
  readonly address: string;
  /** Whether the connection itself is encrypted. */
  readonly secure: boolean;
}
