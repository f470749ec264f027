import { embedded } from '../embedded.ts';

/**
 * The command line that runs this program again with other arguments: same runtime, same main file.
 */
export function ownCommand(...args: string[]): [command: string, ...args: string[]] {
  // A single executable is also its main file.
  return embedded() === undefined
    ? [process.execPath, process.argv[1]!, ...args]
    : [process.execPath, ...args];
}
