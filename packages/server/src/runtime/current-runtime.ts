import type { Runtime } from './runtime.ts';

/** The runtime that this process runs on. */
export async function currentRuntime(): Promise<Runtime> {
  if (process.versions.bun !== undefined) return (await import('./bun.ts')).bunRuntime;
  return (await import('./node.ts')).nodeRuntime;
}
