/** The stored state of the attribute indexes of a client; see `attribute-indexes.ts`. */

import { randomBytes } from 'node:crypto';

export interface IndexState {
  /** Changes with every step, so that an older state is recognised. */
  readonly stamp: string;
  /** Changes when indexes are added or removed. */
  readonly born: string;
  /** The indexed attributes, sorted. */
  readonly names: readonly string[];
  /** Those whose index is complete. */
  readonly complete: readonly string[];
  /** The feed's cursor up to which changes are included. */
  readonly feed: string;
  /** The cursor of the walk's next page, '' for the first; undefined without a walk. */
  readonly walk?: string | undefined;
  readonly isWalked?: boolean | undefined;
  /** The key at which the sweep continues; undefined without one. */
  readonly sweep?: string | undefined;
  readonly sweptAt: number;
  readonly isDropped?: boolean | undefined;
  /** Which process works on it, and until when no other does; epoch milliseconds. */
  readonly holder: string;
  readonly until: number;
}

/** A state, and the text that was read. */
export interface KeptIndexState extends IndexState {
  readonly text: string;
}

/** The state after other names are wanted. */
export function renamedIndexes(state: IndexState, names: readonly string[]): IndexState {
  const added = names.some((name) => !state.names.includes(name));
  const dropped = state.names.some((name) => !names.includes(name));
  return {
    ...state,
    names,
    born: stamp(),
    complete: state.complete.filter((name) => names.includes(name)),
    ...(added && { walk: '', isWalked: undefined }),
    ...(dropped && { sweep: '' }),
  };
}

/** A short random text. */
export function stamp(): string {
  return randomBytes(9).toString('base64url');
}
