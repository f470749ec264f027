/** What is read of QuickJS besides the results of scripts. */

import type { QuickJSContext, QuickJSRuntime } from 'quickjs-emscripten-core';

/** How many bytes a runtime has in use at the moment. */
export function memoryUsed(runtime: QuickJSRuntime, context: QuickJSContext): number {
  const usage = runtime.computeMemoryUsage();
  const { memory_used_size: used } = context.dump(usage) as { memory_used_size: number };
  usage.dispose();
  return used;
}

/** The text of what a script or the engine has thrown. @param error as `dump` returns it */
export function messageOf(error: unknown): string {
  const { name, message } = error as { name?: unknown; message?: unknown };
  return typeof message === 'string' ? `${String(name)}: ${message}` : String(error);
}
