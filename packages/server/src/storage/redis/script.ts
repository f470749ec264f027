import { createHash } from 'node:crypto';

/** A Lua script: sent by its digest, its text only to a node that does not know it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Makes a script of its text. The texts stand in modules of their own, `*.lua.ts`, so that the compiler carries them into the build. */
export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
