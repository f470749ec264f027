/**
 * Commands in the bytes of the Redis protocol (RESP 2, redis.io, "Redis serialization protocol"):
 * an array of bulk strings for each command, one after the other in one buffer.
 */

export type Argument = string | Buffer | number;

/** Texts up to this length are written byte by byte, faster than by a call into the runtime. */
const SHORT = 64;
const FIRST_SIZE = 4096;
const CR = 0x0d;
const LF = 0x0a;
const ASTERISK = 0x2a;
const DOLLAR = 0x24;

export class CommandBytes {
  #bytes: Buffer;
  #length = 0;
  #commands = 0;

  /** @param size how many bytes are expected */
  constructor(size = FIRST_SIZE) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  /** How many commands were added. */
  get commands(): number {
    return this.#commands;
  }

  get length(): number {
    return this.#length;
  }

  /** All commands so far. Afterwards, nothing may be added. */
  taken(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds a command with all its words. */
  add(name: string, args: readonly Argument[]): void {
    this.start(1 + args.length);
    this.word(name);
    for (const arg of args) this.word(arg);
  }

  /** Starts a command of so many words, which follow. */
  start(words: number): void {
    this.#commands += 1;
    this.#head(ASTERISK, words, 0);
  }

  word(word: Argument): void {
    if (typeof word === 'string') this.#text(word);
    else if (typeof word === 'number') this.#text(String(word));
    else {
      this.#head(DOLLAR, word.length, word.length);
      this.#bytes.set(word, this.#length);
      this.#length += word.length;
      this.#end();
    }
  }

  #text(text: string): void {
    const { length } = text;
    const before = this.#length;
    this.#head(DOLLAR, length, length);
    if (length <= SHORT) {
      const bytes = this.#bytes;
      let at = this.#length;
      let isAscii = true;
      for (let index = 0; index < length; index += 1) {
        const code = text.charCodeAt(index);
        if (code > 0x7f) {
          isAscii = false;
          break;
        }
        bytes[at] = code;
        at += 1;
      }
      if (isAscii) {
        this.#length = at;
        this.#end();
        return;
      }
    }
    this.#length = before;
    const size = Buffer.byteLength(text);
    this.#head(DOLLAR, size, size);
    this.#bytes.write(text, this.#length, size, 'utf8');
    this.#length += size;
    this.#end();
  }

  /** A type and a number, and room for what follows. */
  #head(type: number, number: number, following: number): void {
    this.#reserve(following + 16);
    const bytes = this.#bytes;
    bytes[this.#length] = type;
    let digits = 1;
    for (let rest = number; rest > 9; rest = Math.floor(rest / 10)) digits += 1;
    let rest = number;
    for (let at = this.#length + digits; at > this.#length; at -= 1) {
      bytes[at] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.#length += digits + 1;
    this.#end();
  }

  #end(): void {
    this.#bytes[this.#length] = CR;
    this.#bytes[this.#length + 1] = LF;
    this.#length += 2;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
