/**
 * Runs the command line. Separate from the program, so that its types do not depend on the command
 * line library.
 */

import { CommanderError } from 'commander';
import { ConfigError } from '../config/load-config.ts';
import { embedded } from '../embedded.ts';
import { temporaryFolderProblem } from '../runtime/temporary-folder.ts';
import { systemProblem } from './system-problem.ts';

const FAILED = 1;
const WRONG_USE = 2;

/**
 * Runs one command line to its end.
 *
 * @param args without the runtime and the script
 * @returns the exit code; undefined for a worker, whose process runs until its supervisor ends it
 */
export async function run(args: readonly string[]): Promise<number | undefined> {
  let exitCode = 0;
  try {
    // The supervisor tells the worker its role again; on the command line it is for people who read
    // the process list. A worker needs none of the other commands.
    if (args[0] === 'worker') {
      const { worker } = await import('./worker.ts');
      await worker();
      return undefined;
    }
    const { makeProgram } = await import('./program.ts');
    const program = makeProgram((code) => {
      exitCode = code;
    });
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
    if (error instanceof ConfigError) {
      process.stderr.write(`quiver: ${error.message}\n`);
      return WRONG_USE;
    }
    const problem = engineProblem(error) ?? systemProblem(error);
    if (problem === undefined) throw error;
    process.stderr.write(`quiver: ${problem}\n`);
    return FAILED;
  }
}

/** Why an executable could not load the engine that it unpacks; undefined for any other error. */
function engineProblem(error: unknown): string | undefined {
  if (embedded() === undefined || (error as NodeJS.ErrnoException).code !== 'ERR_DLOPEN_FAILED')
    return undefined;
  return temporaryFolderProblem();
}
