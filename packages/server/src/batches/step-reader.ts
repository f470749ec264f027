/**
 * Reads complete lines of a batch as steps of rows, for the runner (contract section 6). It follows
 * the rules of `row-parser.ts`, but in one pass over the bytes and without a string or object per
 * row. The store collects the rows in the form that suits it (`storage/batch-rows.ts`).
 *
 * A line that is not an update, or has something unusual (an id beyond ASCII, a placeholder), is
 * left to that parser, so that only one place decides why a row fails.
 */

import { isUtf8 } from 'node:buffer';
import { isScriptName } from '../domain/attribute-name.ts';
import { isPlaceholderAt } from '../domain/placeholder-id.ts';
import { type IdKind, MAX_THIRD_PARTY_ID, MAX_TNT_ID } from '../domain/visitor-id.ts';
import type { BatchRows, RowCollector } from '../storage/batch-rows.ts';
import { LF } from '../wire/line-feed.ts';
import type { UnreadableRow } from './batch-format.ts';
import { allBlank, hexValue, NOT_HEX } from './cell-text.ts';
import { type LineParser, LineReader, type ResumePoint } from './line-reader.ts';
import { type PlaceholderRows, RowParser } from './row-parser.ts';

const COMMA = 0x2c;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
const SLASH = 0x2f;
const DOT = 0x2e;

/** The class of a byte in a cell. */
const PLAIN = 0;
const DELIMITER = 1;
/** Removed from the ends of a cell; a space inside it is plain. */
const BLANK_SPACE = 2;
const BLANK = 3;
const RARE = 4;
const CLASSES = new Uint8Array(256).fill(RARE, 0x7f).fill(RARE, 0, 0x20);
for (const rare of Buffer.from('"\\%+')) CLASSES[rare] = RARE;
for (const blank of Buffer.from('\t\r')) CLASSES[blank] = BLANK;
CLASSES[SPACE] = BLANK_SPACE;
CLASSES[COMMA] = DELIMITER;

/** A step ends early when its rows have reached this size. */
const STEP_BYTES = 2 * 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;

/** Consecutive rows of the file. */
export interface ReadStep {
  readonly updates: BatchRows;
  readonly failures: readonly UnreadableRow[];
  /** The number of its rows, including skipped ones. */
  readonly rows: number;
  /** Where the line after it starts. */
  readonly after: { readonly offset: number; readonly line: number };
  /** Releases the memory of the updates for a later step. */
  release(): void;
}

export interface ReadStepsOptions {
  /** Where the first chunk starts. */
  readonly from: ResumePoint;
  /** How many rows a step contains; the last has fewer, and so does one with very large rows. */
  readonly rowsPerStep: number;
  /** Creates the collector for the rows of a step; see `BatchStore.collector`. */
  readonly collector: (kind: IdKind, columns: readonly string[]) => RowCollector;
  /** Epoch milliseconds; called once per step, whose attributes are set at that time. */
  readonly now: () => number;
  /** As in {@link RowParser}. */
  readonly placeholders?: PlaceholderRows | undefined;
}

/**
 * Reads a stream of bytes as steps.
 *
 * @throws QuiverError `bad-request` when the file is not a batch
 */
export async function* readSteps(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadStepsOptions,
): AsyncGenerator<ReadStep, void, undefined> {
  const reader = new StepReader(options);
  const lines = new LineReader(() => reader, options.from);
  for await (const chunk of chunks) {
    // However large the chunks are, only the steps of one block wait.
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      lines.push(chunk.subarray(at, at + BLOCK_BYTES));
      yield* reader.takeSteps();
    }
  }
  lines.end();
  reader.endStep();
  yield* reader.takeSteps();
}

class StepReader implements LineParser {
  readonly #options: ReadStepsOptions;
  readonly #kind: IdKind;
  readonly #isPerson: boolean;
  readonly #maxId: number;
  /** Whether a row may have a value in a column. */
  readonly #isSettable: readonly boolean[];
  readonly #slow: RowParser;
  #offset: number;
  #line: number;
  #updates: RowCollector;
  #failures: UnreadableRow[] = [];
  #rows = 0;
  #ready: ReadStep[] = [];
  readonly #free: RowCollector[] = [];
  /** Where a cell is decoded if its text differs from its bytes. */
  #decoded: Buffer = Buffer.allocUnsafe(BLOCK_BYTES);

  constructor(options: ReadStepsOptions) {
    const { header, cursor } = options.from;
    this.#options = options;
    this.#isPerson = header.key === 'thirdPartyId';
    this.#kind = this.#isPerson ? 'thirdPartyId' : 'tntId';
    this.#maxId = this.#isPerson ? MAX_THIRD_PARTY_ID : MAX_TNT_ID;
    this.#isSettable = header.names.map((name) => !isScriptName(name));
    this.#slow = new RowParser(header, cursor, options.placeholders);
    this.#offset = cursor.offset;
    this.#line = cursor.line;
    this.#updates = this.#emptyRows();
  }

  parse(block: Buffer): void {
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(LF, start);
      const next = end === -1 ? block.length : end + 1;
      if (end === -1 || !this.#readLine(block, start, end)) this.#parseSlowly(block.subarray(start, next));
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

  /** The completed steps. */
  takeSteps(): ReadStep[] {
    const ready = this.#ready;
    if (ready.length > 0) this.#ready = [];
    return ready;
  }

  /** Ends the current step, if it has any row. */
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

  #emptyRows(): RowCollector {
    const { collector, from, now } = this.#options;
    const rows = this.#free.pop() ?? collector(this.#kind, from.header.names);
    rows.clear(now());
    return rows;
  }

  #passLine(length: number): void {
    this.#offset += length;
    this.#line += 1;
    if (this.#rows >= this.#options.rowsPerStep || this.#updates.size >= STEP_BYTES) this.endStep();
  }

  #parseSlowly(line: Buffer): void {
    this.#slow.moveTo(this.#offset, this.#line);
    this.#slow.parse(line);
    this.#takeSlowRows();
  }

  #takeSlowRows(): void {
    for (const row of this.#slow.rows) {
      this.#rows += 1;
      if (row.kind === 'update') {
        const { line, start, next, rawId, id, settings } = row;
        this.#updates.add({ line, start, next, rawId, id, settings, nth: this.#rows });
      } else if (row.kind === 'failed') this.#failures.push(row);
    }
    this.#slow.rows = [];
  }

  /**
   * Reads a line without its end. False when it is left to the slow parser; no row was added then.
   */
  #readLine(block: Buffer, start: number, end: number): boolean {
    if (end === start || allBlank(block, start, end)) return true;
    const idCellEnd = this.#readId(block, start, end);
    if (idCellEnd < 0) return false;
    const values = this.#readValues(block, idCellEnd, end);
    if (values < 0) return false;
    this.#rows += 1;
    // A row without any value is skipped.
    if (values > 0) {
      this.#updates.endRow(this.#line, this.#offset, this.#offset + end + 1 - start, this.#rows);
    }
    return true;
  }

  /**
   * Starts a row with its id.
   * @returns where its cell ends; -1 when the line is left to the slow parser
   */
  #readId(block: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && isBlankClass(CLASSES[block[at]!]!)) at += 1;
    const first = at;
    let textEnd = first;
    let dot = -1;
    for (; at < end; at += 1) {
      const byte = block[at]!;
      if (byte === COMMA) break;
      if (byte === PLUS || byte === PERCENT) return this.#decodeId(block, first, end);
      if (byte >= 0x80) return -1;
      if (this.#isPerson) {
        if (byte === SLASH) return -1;
      } else if (byte === DOT) {
        if (dot !== -1) return -1;
        dot = at;
      }
      if (!isBlankClass(CLASSES[byte]!)) textEnd = at + 1;
    }
    const idEnd = dot === -1 ? textEnd : dot;
    if (!this.#isUsable(block, first, idEnd, textEnd)) return -1;
    this.#updates.startRow(block, first, idEnd);
    if (idEnd !== textEnd) this.#updates.rawId(block, first, textEnd);
    return at;
  }

  /**
   * As {@link #readId}, for an id with escapes.
   * @param first its first byte
   */
  #decodeId(block: Buffer, first: number, end: number): number {
    const decoded = this.#roomToDecode(end - first);
    let at = first;
    let length = 0;
    let textEnd = 0;
    let rawEnd = first;
    let dot = -1;
    for (; at < end; at += 1) {
      let byte = block[at]!;
      if (byte === COMMA) break;
      const isBlank = isBlankClass(CLASSES[byte]!);
      if (byte === PLUS) byte = SPACE;
      else if (byte === PERCENT) {
        byte = hexValue(block, at);
        at += 2;
        if (this.#isPerson && byte === PLUS) return -1;
      }
      if (byte < 0 || byte >= 0x80) return -1;
      if (this.#isPerson) {
        if (byte === SLASH) return -1;
      } else if (byte === DOT) {
        if (dot !== -1) return -1;
        dot = length;
      }
      decoded[length] = byte;
      length += 1;
      if (!isBlank) {
        textEnd = length;
        rawEnd = at + 1;
      }
    }
    const idEnd = dot === -1 ? textEnd : dot;
    if (!this.#isUsable(decoded, 0, idEnd, textEnd)) return -1;
    this.#updates.startRow(decoded, 0, idEnd);
    this.#updates.rawId(block, first, rawEnd);
    return at;
  }

  /**
   * Whether an id needs no further checks.
   * @param textEnd where it ends with its location hint
   */
  #isUsable(bytes: Buffer, start: number, end: number, textEnd: number): boolean {
    if (end === start || textEnd - start > this.#maxId) return false;
    return !isPlaceholderAt(bytes, this.#kind, start, end);
  }

  /**
   * Adds the values of a row.
   *
   * @param idCellEnd where the first cell ends
   * @returns how many there are; -1 when the line is left to the slow parser
   */
  #readValues(block: Buffer, idCellEnd: number, end: number): number {
    const columns = this.#isSettable.length;
    let count = 0;
    let at = idCellEnd;
    for (let column = 0; at < end; column += 1) {
      // At `at` is the comma before the cell.
      at += 1;
      if (column >= columns) return -1;
      while (at < end && isBlankClass(CLASSES[block[at]!]!)) at += 1;
      if (at === end || block[at] === COMMA) continue;
      if (!this.#isSettable[column]) return -1;
      const start = at;
      let valueEnd = at;
      let kind = PLAIN;
      for (; at < end; at += 1) {
        kind = CLASSES[block[at]!]!;
        if (kind === PLAIN) valueEnd = at + 1;
        else if (kind !== BLANK_SPACE) break;
      }
      if (at === end || kind === DELIMITER) this.#updates.addValue(column, block, start, valueEnd, true);
      else {
        at = this.#decodeValue(column, block, start, end);
        if (at < 0) return -1;
      }
      count += 1;
    }
    return count;
  }

  /**
   * Adds a value that is not plain.
   * @returns where its cell ends; -1 when the line is left to the slow parser
   */
  #decodeValue(column: number, block: Buffer, start: number, end: number): number {
    const decoded = this.#roomToDecode(end - start);
    let length = 0;
    let valueEnd = 0;
    let isAscii = true;
    let at = start;
    for (; at < end; at += 1) {
      let byte = block[at]!;
      if (byte === COMMA) break;
      const isBlank = isBlankClass(CLASSES[byte]!);
      if (byte === PLUS) byte = SPACE;
      else if (byte === PERCENT) {
        byte = hexValue(block, at);
        if (byte === NOT_HEX) return -1;
        at += 2;
      }
      if (byte >= 0x80) isAscii = false;
      decoded[length] = byte;
      length += 1;
      if (!isBlank) valueEnd = length;
    }
    if (!isAscii && !isUtf8(decoded.subarray(0, valueEnd))) return -1;
    this.#updates.addValue(column, decoded, 0, valueEnd, false);
    return at;
  }

  #roomToDecode(bytes: number): Buffer {
    if (bytes > this.#decoded.length) this.#decoded = Buffer.allocUnsafe(bytes);
    return this.#decoded;
  }
}

function isBlankClass(kind: number): boolean {
  return kind === BLANK_SPACE || kind === BLANK;
}
