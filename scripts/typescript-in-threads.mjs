/**
 * Lets threads started by a test run TypeScript on Node, as they can on Bun: Vitest compiles what
 * it loads itself, but a thread loads its own files. The test configuration uses this file; nothing
 * that ships does.
 */

import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) register(import.meta.url);

/** The hook: compiles TypeScript files, and loads all others as usual. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  const { transformSync } = await import('rolldown/experimental');
  const source = await readFile(new URL(url), 'utf8');
  const { code } = transformSync(fileURLToPath(url), source, {
    lang: 'ts',
    typescript: { onlyRemoveTypeImports: true },
  });
  return { format: 'module', shortCircuit: true, source: code };
}
