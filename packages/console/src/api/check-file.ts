/** A first look at a batch file before it travels. The server's own check counts; this one saves a long way. */

const MAX_BYTES = 50_000_000;
const MAX_ROWS = 500_000;
const SHOWN_PROBLEMS = 5;

export interface CheckedFile {
  readonly file: File;
  readonly isGzip: boolean;
  readonly idKind: string;
  readonly attributes: readonly string[];
  readonly rows: number;
  /** Why the server would refuse the whole file. */
  readonly refusal: string | undefined;
  /** Rows that would fail, alone. */
  readonly badRows: number;
  /** The first of them, in words. */
  readonly problems: readonly string[];
}

/** Reads the file through once. Never throws for what stands in the file. */
export async function checkFile(file: File): Promise<CheckedFile> {
  const magic = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const isGzip = magic[0] === 0x1f && magic[1] === 0x8b;
  const check = new RowCheck();
  let refusal: string | undefined;
  try {
    refusal = await readThrough(file, isGzip, check);
  } catch {
    refusal = isGzip ? 'It begins like gzip but cannot be unpacked.' : 'The browser cannot read this file.';
  }
  return {
    file,
    isGzip,
    idKind: check.columns[0] ?? '',
    attributes: check.columns.slice(1),
    rows: check.rows,
    refusal: refusal ?? check.refusal(),
    badRows: check.badRows,
    problems: check.problems,
  };
}

async function readThrough(file: File, isGzip: boolean, check: RowCheck): Promise<string | undefined> {
  const plain = isGzip ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  const reader = plain.getReader();
  const decoder = new TextDecoder();
  let bytes = 0;
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    bytes += value?.length ?? 0;
    if (bytes >= MAX_BYTES) {
      await reader.cancel();
      return 'It has 50 MB or more. Send it in parts: quiver import <file> does that by itself.';
    }
    const lines = (rest + decoder.decode(value, { stream: !done })).split('\n');
    rest = done ? '' : (lines.pop() ?? '');
    for (const line of lines) if (check.takes(line) === 'no more') return undefined;
    if (done) return undefined;
  }
}

class RowCheck {
  columns: readonly string[] = [];
  rows = 0;
  badRows = 0;
  readonly problems: string[] = [];
  #line = 0;
  #header: string | undefined;

  takes(raw: string): 'more' | 'no more' {
    this.#line += 1;
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (this.#header === undefined) {
      this.#header = line;
      if (!line.startsWith('batch=')) return 'no more';
      this.columns = line
        .slice('batch='.length)
        .split(',')
        .map((cell) => cell.trim());
    } else if (line.trim() !== '') {
      this.rows += 1;
      const problem = this.#problemOf(line.split(','));
      if (problem !== undefined) {
        this.badRows += 1;
        if (this.problems.length < SHOWN_PROBLEMS) this.problems.push(`Line ${this.#line}: ${problem}`);
      }
    }
    return 'more';
  }

  refusal(): string | undefined {
    if (!this.#header?.startsWith('batch=')) {
      return 'The first line must be the header, such as batch=thirdPartyId,country,plan.';
    }
    const id = this.columns[0];
    if (id !== 'pcId' && id !== 'thirdPartyId') {
      return `The first column must be pcId or thirdPartyId; it is ${id ? `“${id}”` : 'empty'}.`;
    }
    if (this.columns.length < 2) return 'The header names no attribute beside the id.';
    if (this.rows === 0) return 'There is no row below the header.';
    if (this.rows > MAX_ROWS) return 'It has more than 500,000 rows. quiver import <file> sends it in parts.';
    return undefined;
  }

  #problemOf(cells: readonly string[]): string | undefined {
    if (cells[0]?.trim() === '') return 'the id is missing';
    if (cells.length > this.columns.length) return 'it has more cells than the header';
    if (!cells.every(isDecodable)) {
      return 'a percent sign is not followed by two hexadecimal digits of UTF-8 text';
    }
    return undefined;
  }
}

/** What is decoded is looked at, or the build would take the call for one without an effect and leave it out. */
function isDecodable(cell: string): boolean {
  try {
    return decodeURIComponent(cell).length <= cell.length;
  } catch {
    return false;
  }
}
