/**
 * llhttp, the parser of Node, as WebAssembly: the build that the package `undici` ships for its own
 * client. Both runtimes run the same bytes, so both parse requests alike (decision 0019 says why
 * the parsers built into the runtimes are not used).
 *
 * Every connection has its own parser state in the module's memory. Bytes are copied into one
 * shared buffer and parsed in one synchronous call, during which `current` receives what was found.
 * No lenient flag is ever set.
 */

import wasm from 'undici/lib/llhttp/llhttp_simd-wasm.js';

/** The exports of the module that are used; `start` checks that they exist. */
interface Llhttp {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  malloc(bytes: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_reset(parser: number): void;
  llhttp_execute(parser: number, at: number, bytes: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
}
/** A piece was found: which parser found it, its start in the module's memory, its length. */
type OnPiece = (parser: number, at: number, bytes: number) => number;

const USED: readonly (keyof Llhttp)[] = [
  'memory',
  '_initialize',
  'malloc',
  'llhttp_alloc',
  'llhttp_free',
  'llhttp_reset',
  'llhttp_execute',
  'llhttp_get_http_major',
  'llhttp_get_http_minor',
  'llhttp_get_error_pos',
  'llhttp_get_error_reason',
];

const REQUEST = 1;
const BUFFER_BYTES = 65_536;
const LINE_BYTES = 32;
/** A callback told the parser to stop. */
const PAUSED = 21;
/** Error codes that change the answer; 23 is the first line of HTTP/2. */
const ABOUT: ReadonlyMap<number, ParseError['about']> = new Map([
  [6, 'method'],
  [7, 'target'],
  [9, 'version'],
  [23, 'version'],
]);

/** The parser that is running. */
let current: RequestParser;
const piece =
  (kind: Kind): OnPiece =>
  (_, at, bytes) =>
    current.found(kind, at - buffer, bytes);
const llhttp = start();
const buffer = llhttp.malloc(BUFFER_BYTES);
let memory = Buffer.from(llhttp.memory.buffer);

function start(): Llhttp {
  const ignored = () => 0;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
    env: {
      wasm_on_message_begin: ignored,
      wasm_on_status: ignored,
      wasm_on_url: piece('target'),
      wasm_on_header_field: piece('name'),
      wasm_on_header_value: piece('value'),
      wasm_on_headers_complete: (_p: number, _status: number, _upgrade: number, keep: number) =>
        current.headEnded(keep === 1),
      wasm_on_body: (_: number, at: number, length: number) => current.bodyFound(at - buffer, length),
      wasm_on_message_complete: () => current.messageEnded(),
    },
  });
  const exports = instance.exports as unknown as Llhttp;
  const missing = USED.filter((name) => !(name in exports));
  if (missing.length > 0) throw new Error(`undici's build of llhttp has no ${missing.join(', ')}`);
  exports._initialize();
  return exports;
}

type Kind = 'target' | 'name' | 'value';

/** Why a message cannot be read. */
export interface ParseError {
  readonly reason: string;
  /** What is wrong, as far as it changes the answer. */
  readonly about: 'method' | 'target' | 'version' | 'other';
}

/** Reads the requests of one connection, one at a time. */
export class RequestParser {
  /** The head so far, byte by byte as Latin-1. */
  text = '';
  /** Start and end in {@link text} of the target, then of each name and its value in turn. */
  readonly spans: number[] = [];
  /** Whether the head is complete. */
  hasHead = false;
  /** The version of HTTP, 11 for 1.1. */
  version = 0;
  /** Whether the connection may be used again after this message (RFC 9112 section 9.3). */
  keepsAlive = false;
  /** Whether the message is complete. */
  hasEnded = false;
  /** The pieces of the body that the last call found. */
  body: Uint8Array<ArrayBuffer>[] = [];
  error: ParseError | undefined;

  readonly #state: number;
  readonly #maxHeadBytes: number;
  #last: Kind | undefined;
  #chunk: Buffer<ArrayBuffer> | undefined;
  /** Where the bytes being parsed start in the chunk. */
  #from = 0;
  /** Where the first piece of the body starts in the chunk. */
  #bodyStart = 0;

  /** @param maxHeadBytes a head that is 64 KB longer than this is not even read to its end */
  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
    this.#state = llhttp.llhttp_alloc(REQUEST);
    // The module's memory gets a new buffer whenever it grows.
    if (memory.buffer !== llhttp.memory.buffer) memory = Buffer.from(llhttp.memory.buffer);
  }

  /**
   * Parses more of the message until it ends, it cannot be read, or the chunk is used up.
   *
   * @returns how many bytes of the chunk belong to the message
   */
  read(chunk: Buffer<ArrayBuffer>): number {
    this.body = [];
    this.#chunk = chunk;
    current = this;
    let from = 0;
    while (from < chunk.length && !this.hasEnded && !this.error && !this.isHeadTooLong) {
      const bytes = Math.min(chunk.length - from, BUFFER_BYTES);
      const wasHead = !this.hasHead;
      this.#from = from;
      chunk.copy(memory, buffer, from, from + bytes);
      this.#bodyStart = 0;
      const code = llhttp.llhttp_execute(this.#state, buffer, bytes);
      const used = code === 0 ? bytes : llhttp.llhttp_get_error_pos(this.#state) - buffer;
      const isError = code !== 0 && !(code === PAUSED && this.hasEnded);
      if (wasHead) {
        // When a head is invalid, keep the rest of its line, so that the refusal can quote it.
        const end = this.#bodyStart || from + used + (isError ? LINE_BYTES : 0);
        this.text += chunk.toString('latin1', from, Math.min(end, from + bytes));
      }
      if (isError) this.error = this.#errorOf(code);
      from += used;
    }
    this.#chunk = undefined;
    return from;
  }

  get isHeadTooLong(): boolean {
    return this.text.length > this.#maxHeadBytes;
  }

  /** Forgets the message, ready for the next one. */
  reset(): void {
    llhttp.llhttp_reset(this.#state);
    this.text = '';
    this.spans.length = 0;
    this.#last = undefined;
    this.hasHead = false;
    this.hasEnded = false;
    this.error = undefined;
    this.body = [];
  }

  /** Frees its memory; no method may be called afterwards. */
  free(): void {
    llhttp.llhttp_free(this.#state);
  }

  found(kind: Kind, at: number, bytes: number): number {
    // Trailers are not used.
    if (this.hasHead) return 0;
    const { spans } = this;
    const start = this.text.length + at;
    // A piece may be split where two chunks meet.
    if (kind === this.#last && spans.at(-1) === start) {
      spans[spans.length - 1] = start + bytes;
    } else {
      if (kind === 'name' && this.#last === 'name') spans.push(start, start);
      spans.push(start, start + bytes);
    }
    this.#last = kind;
    return 0;
  }

  headEnded(keepsAlive: boolean): number {
    this.hasHead = true;
    this.keepsAlive = keepsAlive;
    this.version = 10 * llhttp.llhttp_get_http_major(this.#state) + llhttp.llhttp_get_http_minor(this.#state);
    if (this.#last === 'name') this.spans.push(0, 0);
    return 0;
  }

  bodyFound(at: number, bytes: number): number {
    const start = this.#from + at;
    this.#bodyStart ||= start;
    const chunk = this.#chunk!;
    const last = this.body.at(-1);
    // Bytes that are adjacent in the chunk stay one piece, so that a reader can free the memory of
    // the whole chunk.
    if (last && last.byteOffset + last.length === chunk.byteOffset + start) {
      const lastStart = last.byteOffset - chunk.byteOffset;
      this.body[this.body.length - 1] = chunk.subarray(lastStart, start + bytes);
    } else {
      this.body.push(chunk.subarray(start, start + bytes));
    }
    return 0;
  }

  messageEnded(): number {
    this.hasEnded = true;
    return PAUSED;
  }

  #errorOf(code: number): ParseError {
    const at = llhttp.llhttp_get_error_reason(this.#state);
    const reason = memory.toString('latin1', at, memory.indexOf(0, at));
    return { reason, about: ABOUT.get(code) ?? 'other' };
  }
}
