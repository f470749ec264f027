/**
 * What a single executable holds in itself and an installed package has as files beside it. Told once, by the main file of the
 * executable (`scripts/build-executable.mjs`) before anything else of Quiver is loaded.
 */

export interface Embedded {
  readonly version: string;
  /** Where the bytes of each file of the console are, by its path within the console. */
  readonly consoleFiles: ReadonlyMap<string, string>;
}

let known: Embedded | undefined;

/**
 * Tells what this executable holds.
 *
 * @public called by the main file that `scripts/build-executable.mjs` writes
 */
export function embed(parts: Embedded): void {
  known = parts;
}

/** What this executable holds; undefined when Quiver runs from files. */
export function embedded(): Embedded | undefined {
  return known;
}
