import { createHash } from 'node:crypto';

/** A Lua script: sent by its digest, its text only to a node that does not know it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Makes a script of its text. The texts are in `lua/`, and `lua-scripts.ts` is made of them. */
export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
