/**
 * Reads replies of the Redis protocol (RESP 2) from the pieces in which they arrive. Bulk strings
 * are views of the piece, not copies.
 */

/** An error that a node replied with. */
export class ErrorReply extends Error {}

export type NodeReply = Buffer | string | number | null | ErrorReply | readonly NodeReply[];

/** What was received ends within a reply. */
const INCOMPLETE = Symbol('incomplete');
const CR = 0x0d;

export class ReplyParser {
  readonly #found: (reply: NodeReply) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Pieces that are too short to continue. */
  #pieces: Buffer[] = [];
  #piecesLength = 0;
  /** How many bytes the unfinished reply needs at least. */
  #needed = 0;

  /** @param found called for every reply */
  constructor(found: (reply: NodeReply) => void) {
    this.#found = found;
  }

  /**
   * Reads what has arrived.
   * @throws Error when it is not in the protocol
   */
  read(piece: Buffer): void {
    if (this.#piecesLength > 0) {
      this.#pieces.push(piece);
      this.#piecesLength += piece.length;
      if (this.#piecesLength < this.#needed) return;
      this.#bytes = Buffer.concat(this.#pieces, this.#piecesLength);
      this.#pieces = [];
      this.#piecesLength = 0;
    } else this.#bytes = piece;
    this.#at = 0;
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      this.#needed = 0;
      const reply = this.#reply();
      if (reply === INCOMPLETE) {
        const rest = start === 0 ? this.#bytes : this.#bytes.subarray(start);
        this.#pieces = [rest];
        this.#piecesLength = rest.length;
        this.#needed = Math.max(this.#needed - start, rest.length + 1);
        return;
      }
      this.#found(reply);
    }
  }

  #reply(): NodeReply | typeof INCOMPLETE {
    const type = this.#bytes[this.#at];
    this.#at += 1;
    if (type === 0x24) return this.#bulk();
    if (type === 0x3a) return this.#number() ?? INCOMPLETE;
    if (type === 0x2a) return this.#list();
    if (type === undefined) return INCOMPLETE;
    if (type !== 0x2b && type !== 0x2d) throw new Error(`a node sent a reply of type ${type}`);
    const end = this.#bytes.indexOf('\r\n', this.#at);
    if (end < 0) return INCOMPLETE;
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 2;
    return type === 0x2b ? text : new ErrorReply(text);
  }

  #bulk(): Buffer | null | typeof INCOMPLETE {
    const length = this.#number();
    if (length === undefined) return INCOMPLETE;
    if (length < 0) return null;
    const start = this.#at;
    const end = start + length;
    if (end + 2 > this.#bytes.length) {
      this.#needed = end + 2;
      return INCOMPLETE;
    }
    this.#at = end + 2;
    return this.#bytes.subarray(start, end);
  }

  #list(): readonly NodeReply[] | null | typeof INCOMPLETE {
    const length = this.#number();
    if (length === undefined) return INCOMPLETE;
    if (length < 0) return null;
    const list: NodeReply[] = [];
    for (let index = 0; index < length; index += 1) {
      const item = this.#reply();
      if (item === INCOMPLETE) return INCOMPLETE;
      list.push(item);
    }
    return list;
  }

  /** The number up to the end of the line; undefined when the line has not ended. */
  #number(): number | undefined {
    const bytes = this.#bytes;
    let at = this.#at;
    const isNegative = bytes[at] === 0x2d;
    if (isNegative) at += 1;
    let number = 0;
    for (; ; at += 1) {
      const byte = bytes[at];
      if (byte === undefined) return undefined;
      if (byte === CR) break;
      number = number * 10 + byte - 0x30;
    }
    if (at + 1 >= bytes.length) return undefined;
    this.#at = at + 2;
    return isNegative ? -number : number;
  }
}
