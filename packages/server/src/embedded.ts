/**
 * What a single executable contains and an installed package has as separate files. The main file
 * of the executable (`scripts/build-executable.mjs`) sets it once, before any other module of
 * Quiver is loaded.
 */

export interface Embedded {
  readonly version: string;
  /** The location of each file of the console, by its path within the console. */
  readonly consoleFiles: ReadonlyMap<string, string>;
  /** Where the code of the thread is in which profile scripts run. */
  readonly scriptWorker: URL;
}

let known: Embedded | undefined;

/**
 * Sets what this executable contains.
 *
 * @public called by the main file that `scripts/build-executable.mjs` writes
 */
export function embed(parts: Embedded): void {
  known = parts;
}

/** What this executable contains; undefined when Quiver runs from files. */
export function embedded(): Embedded | undefined {
  return known;
}
