import { createHash } from 'node:crypto';

/**
 * A Lua script. It is sent by its digest; its text is sent only to a node that does not know it.
 */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/**
 * Makes a script from its text. The texts are in `lua/`; `lua-scripts.ts` is generated from them.
 */
export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
