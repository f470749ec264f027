/**
 * Lets threads that a test starts run TypeScript on Node, as they do on Bun: Vitest compiles what
 * it loads itself, and a thread loads its files by itself. The tests' configuration names this
 * file; nothing that ships does.
 */

import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) register(import.meta.url);

/** The hook: TypeScript files are compiled, all others are loaded as usual. */
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
