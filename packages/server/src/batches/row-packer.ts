/**
 * Makes packed rows of whole lines of a batch (contract section 6), for the runner: what `row-parser.ts` says a line comes to, in one pass over
 * its bytes and without a text or an object a row.
 *
 * A line that is not an update, or has something rare about it (an id beyond ASCII, or a placeholder, say), is left to that parser, so that there is one
 * place that says why a row fails.
 */

import { isUtf8 } from 'node:buffer';
import { isScriptName } from '../domain/attribute-name.ts';
import {
  GROUP_HEAD,
  JSON_ESCAPES,
  MAX_LENGTH_BYTES,
  packedName,
  putLengthBefore,
  writeGroupHead,
} from '../domain/packed-attributes.ts';
import { isPlaceholderAt } from '../domain/placeholder-id.ts';
import { MAX_THIRD_PARTY_ID, MAX_TNT_ID } from '../domain/visitor-id.ts';
import { BatchRows } from '../storage/batch-rows.ts';
import type { FailedRow } from './batch-format.ts';
import { allBlank, hexValue, NOT_HEX } from './cell-text.ts';
import { type LineParser, LineReader, type ResumePoint } from './line-reader.ts';
import { type PlaceholderRows, RowParser } from './row-parser.ts';

const LF = 0x0a;
const COMMA = 0x2c;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
const SLASH = 0x2f;
const DOT = 0x2e;

/** What a byte of a cell is. */
const PLAIN = 0;
const DELIMITER = 1;
const BLANK = 2;
const ENCODED = 3;
const BEYOND_ASCII = 4;
const ESCAPED = 5;
const CLASSES = new Uint8Array(256).fill(BEYOND_ASCII, 0x80);
for (const [code, escaped] of JSON_ESCAPES.entries()) if (escaped) CLASSES[code] = ESCAPED;
for (const blank of Buffer.from(' \t\r')) CLASSES[blank] = BLANK;
CLASSES[COMMA] = DELIMITER;
CLASSES[PERCENT] = ENCODED;
CLASSES[PLUS] = ENCODED;

/** The longest that one byte of a cell becomes: a control character as \u0000. */
const LONGEST_ESCAPE = 6;
/** A step ends early when its rows have become so many bytes. */
const STEP_BYTES = 2 * 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;

/** Rows that lie side by side in the file. */
export interface PackedStep {
  readonly updates: BatchRows;
  readonly failures: readonly FailedRow[];
  /** All its rows, skipped ones too. */
  readonly rows: number;
  /** Where the line after it begins. */
  readonly after: { readonly offset: number; readonly line: number };
  /** Gives the memory of the updates back, to be used for a later step. */
  release(): void;
}

export interface PackBatchOptions {
  /** Where the first chunk begins. */
  readonly from: ResumePoint;
  /** How many rows a step holds; the last one fewer, and any one whose rows are very large. */
  readonly rowsPerStep: number;
  /** Epoch milliseconds; asked once a step, whose attributes then bear that time. */
  readonly now: () => number;
  /** As of {@link RowParser}. */
  readonly placeholders?: PlaceholderRows | undefined;
}

/**
 * Reads a stream of bytes as packed steps.
 *
 * @throws QuiverError `bad-request` when the file is no batch
 */
export async function* packBatch(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: PackBatchOptions,
): AsyncGenerator<PackedStep, void, undefined> {
  const packer = new RowPacker(options);
  const lines = new LineReader(() => packer, options.from);
  for await (const chunk of chunks) {
    // However large the chunks are, no more steps wait than fit into one block.
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      lines.push(chunk.subarray(at, at + BLOCK_BYTES));
      yield* packer.takeSteps();
    }
  }
  lines.end();
  packer.endStep();
  yield* packer.takeSteps();
}

export class RowPacker implements LineParser {
  readonly #options: PackBatchOptions;
  readonly #isPerson: boolean;
  readonly #maxId: number;
  /**
   * What stands before the value of each column, but for the value's length; undefined for a column
   * that no row may have a value in.
   */
  readonly #names: readonly (Buffer | undefined)[];
  /** The most bytes that a row is beside those of its own. */
  readonly #fixedBytes: number;
  readonly #slow: RowParser;
  /** What stands before the attributes of a row. */
  readonly #groupHead: Buffer = Buffer.alloc(GROUP_HEAD);
  #offset: number;
  #line: number;
  #updates: BatchRows;
  #failures: FailedRow[] = [];
  #rows = 0;
  #ready: PackedStep[] = [];
  readonly #free: BatchRows[] = [];

  constructor(options: PackBatchOptions) {
    const { header, cursor } = options.from;
    this.#options = options;
    this.#isPerson = header.key === 'thirdPartyId';
    this.#maxId = this.#isPerson ? MAX_THIRD_PARTY_ID : MAX_TNT_ID;
    this.#names = header.names.map((name) => (isScriptName(name) ? undefined : packedName(name)));
    this.#slow = new RowParser(header, cursor, options.placeholders);
    this.#offset = cursor.offset;
    this.#line = cursor.line;
    this.#updates = this.#emptyRows();
    this.#fixedBytes = this.#names.reduce(
      (sum, name) => sum + (name?.length ?? 0) + MAX_LENGTH_BYTES,
      GROUP_HEAD,
    );
  }

  parse(block: Buffer): void {
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(LF, start);
      const next = end === -1 ? block.length : end + 1;
      if (end === -1 || !this.#packLine(block, start, end)) this.#parseSlowly(block.subarray(start, next));
      this.#passLine(next - start);
      start = next;
    }
  }

  passLongLine(beginning: Buffer, length: number, blank: boolean): void {
    this.#slow.moveTo(this.#offset, this.#line);
    this.#slow.passLongLine(beginning, length, blank);
    this.#takeSlowRows();
    this.#passLine(length);
  }

  /** The steps that are full. */
  takeSteps(): PackedStep[] {
    const ready = this.#ready;
    if (ready.length > 0) this.#ready = [];
    return ready;
  }

  /** Ends the step at hand, if it has any row. */
  endStep(): void {
    if (this.#rows === 0) return;
    const updates = this.#updates;
    this.#ready.push({
      updates,
      failures: this.#failures,
      rows: this.#rows,
      after: { offset: this.#offset, line: this.#line },
      release: () => void this.#free.push(updates),
    });
    this.#failures = [];
    this.#rows = 0;
    this.#updates = this.#emptyRows();
  }

  #emptyRows(): BatchRows {
    const rows = this.#free.pop() ?? new BatchRows(this.#isPerson ? 'thirdPartyId' : 'tntId');
    rows.clear(this.#options.now());
    writeGroupHead(this.#groupHead, 0, rows.at);
    return rows;
  }

  #passLine(length: number): void {
    this.#offset += length;
    this.#line += 1;
    if (this.#rows >= this.#options.rowsPerStep || this.#updates.end >= STEP_BYTES) this.endStep();
  }

  #parseSlowly(line: Buffer): void {
    this.#slow.moveTo(this.#offset, this.#line);
    this.#slow.parse(line);
    this.#takeSlowRows();
  }

  #takeSlowRows(): void {
    for (const row of this.#slow.rows) {
      this.#rows += 1;
      if (row.kind === 'update') this.#updates.add({ ...row, nth: this.#rows });
      else if (row.kind === 'failed') this.#failures.push(row);
    }
    this.#slow.rows = [];
  }

  /** Packs a line, its end not included; false when it is left to the slow parser, and then nothing has changed. */
  #packLine(block: Buffer, start: number, end: number): boolean {
    if (end === start || allBlank(block, start, end)) return true;
    const rows = this.#updates;
    const first = rows.end;
    rows.makeRoom(this.#fixedBytes + (LONGEST_ESCAPE + 1) * (end - start));
    const out = rows.bytes;
    const id = this.#packId(block, start, end, out, first);
    if (id < 0) return false;
    const idEnd = this.#idEnd;
    const attributesEnd = this.#packValues(block, id, end, out, idEnd);
    if (attributesEnd < 0) return false;
    this.#rows += 1;
    // A row without any value is skipped.
    if (attributesEnd === idEnd + GROUP_HEAD) return true;
    const rawStart = this.#isRaw ? first : attributesEnd;
    const rawEnd = this.#isRaw ? idEnd : copy(block, this.#rawStart, this.#rawEnd, out, attributesEnd);
    rows.addSpans(
      this.#line,
      this.#offset,
      this.#offset + end + 1 - start,
      rawStart,
      rawEnd,
      first,
      idEnd,
      idEnd,
      attributesEnd,
      this.#rows,
    );
    return true;
  }

  // What packId has found, beside what it returns: an object for it would be one a row.
  #idEnd = 0;
  #rawStart = 0;
  #rawEnd = 0;
  /** Whether the id is what stands in the file. */
  #isRaw = true;

  /** Writes the id to `out`. @returns where in the block its cell ends; -1 when the slow parser must look at it */
  #packId(block: Buffer, start: number, end: number, out: Buffer, idStart: number): number {
    let at = start;
    while (at < end && CLASSES[block[at]!] === BLANK) at += 1;
    this.#rawStart = at;
    let length = idStart;
    let textEnd = idStart;
    let rawEnd = at;
    let dot = -1;
    let isRaw = true;
    for (; at < end; at += 1) {
      let byte = block[at]!;
      if (byte === COMMA) break;
      const isBlank = CLASSES[byte] === BLANK;
      if (byte === PLUS) {
        byte = SPACE;
        isRaw = false;
      } else if (byte === PERCENT) {
        byte = hexValue(block, at);
        at += 2;
        isRaw = false;
        if (this.#isPerson && byte === PLUS) return -1;
      }
      if (byte < 0 || byte >= 0x80) return -1;
      if (this.#isPerson) {
        if (byte === SLASH) return -1;
      } else if (byte === DOT) {
        if (dot !== -1) return -1;
        dot = length;
      }
      out[length] = byte;
      length += 1;
      if (!isBlank) {
        textEnd = length;
        rawEnd = at + 1;
      }
    }
    if (textEnd === idStart || textEnd - idStart > this.#maxId || dot === idStart) return -1;
    this.#idEnd = dot === -1 ? textEnd : dot;
    if (isPlaceholderAt(out, this.#isPerson ? 'thirdPartyId' : 'tntId', idStart, this.#idEnd)) return -1;
    this.#rawEnd = rawEnd;
    this.#isRaw = isRaw && dot === -1;
    return at;
  }

  /**
   * Writes the packed attributes to `out`.
   *
   * @param idEnd where the first cell ends
   * @returns where they end; -1 when the slow parser must look at the row
   */
  #packValues(block: Buffer, idEnd: number, end: number, out: Buffer, start: number): number {
    const columns = this.#names.length;
    let length = copy(this.#groupHead, 0, GROUP_HEAD, out, start);
    let at = idEnd;
    for (let column = 0; at < end; column += 1) {
      // Here stands the comma before the cell.
      at += 1;
      if (column >= columns) return -1;
      while (at < end && CLASSES[block[at]!] === BLANK) at += 1;
      if (at === end || block[at] === COMMA) continue;
      const name = this.#names[column];
      if (name === undefined) return -1;
      const valueStart = copy(name, 0, name.length, out, length) + 1;
      length = valueStart;
      let valueEnd = length;
      let isAscii = true;
      for (; at < end; at += 1) {
        const byte = block[at]!;
        if (CLASSES[byte] === PLAIN) {
          out[length] = byte;
          length += 1;
          valueEnd = length;
        } else if (byte === COMMA) break;
        else {
          length = packRare(block, at, out, length);
          if (length < 0) return -1;
          if (byte === PERCENT) at += 2;
          if (out[length - 1]! >= 0x80) isAscii = false;
          if (CLASSES[byte] !== BLANK) valueEnd = length;
        }
      }
      if (!isAscii && !isUtf8(out.subarray(valueStart, valueEnd))) return -1;
      length = putLengthBefore(out, valueStart, valueEnd);
    }
    return length;
  }
}

/** Writes one byte of a value that is not simply itself, or an escape of three. @returns where it ends in `out`; -1 for a bad escape */
function packRare(block: Buffer, at: number, out: Buffer, length: number): number {
  let byte = block[at]!;
  if (byte === PLUS) byte = SPACE;
  else if (byte === PERCENT) {
    byte = hexValue(block, at);
    if (byte === NOT_HEX) return -1;
  }
  const escaped = byte < 0x80 ? JSON_ESCAPES[byte] : undefined;
  if (escaped === undefined) {
    out[length] = byte;
    return length + 1;
  }
  return copy(escaped, 0, escaped.length, out, length);
}

/** Copies bytes. @returns where they end in `out` */
function copy(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  for (let index = start; index < end; index += 1) out[at + index - start] = from[index]!;
  return at + end - start;
}
