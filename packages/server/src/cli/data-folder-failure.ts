/** How a command on the data folder reports failure. */

import { DataFolderInUse } from '../locks/data-folder-lock.ts';
import { StoreFormatError } from '../storage/store-format-error.ts';
import { systemProblem } from './system-problem.ts';

const EXIT_CODES = {
  /** It was not done: a server is running, a folder is not empty, or the disk refused. */
  refused: 1,
  /** Wrong use: the command does not work on this kind of store. */
  'wrong-use': 2,
  'newer-format': StoreFormatError.exitCode,
} as const;

export class DataFolderFailure extends Error {
  override readonly name = 'DataFolderFailure';
  readonly exitCode: number;

  constructor(kind: keyof typeof EXIT_CODES, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = EXIT_CODES[kind];
  }
}

/** The advice at the end of a line that reports a damaged store. */
export function doctorAdvice(dataDir: string): string {
  return `check with: quiver doctor --data ${dataDir}`;
}

/** Runs a command; a failure becomes one line on stderr and an exit code. */
export async function exitCodeOf(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isKnown =
      error instanceof DataFolderFailure ||
      error instanceof DataFolderInUse ||
      error instanceof StoreFormatError ||
      'code' in error;
    if (!isKnown) throw error;
    process.stderr.write(`quiver: ${(systemProblem(error) ?? error.message).replaceAll(/\s+/g, ' ')}\n`);
    if (error instanceof DataFolderFailure) return error.exitCode;
    return error instanceof StoreFormatError ? StoreFormatError.exitCode : 1;
  }
}
