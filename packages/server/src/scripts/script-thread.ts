/** Starts the script thread, from the sources, the built files, or a single executable. */

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { embedded } from '../embedded.ts';

export function startScriptThread(shared: SharedArrayBuffer): Worker {
  const file =
    embedded()?.scriptWorker ?? new URL(`./script-worker${extname(import.meta.url)}`, import.meta.url);
  // A script that uses too much memory ends this thread and not the process.
  return new Worker(file, { workerData: shared, resourceLimits: { maxOldGenerationSizeMb: 64 } });
}
