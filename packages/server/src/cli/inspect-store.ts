/**
 * Inspects an embedded store in a separate process. The engine maps its file into memory, and
 * accessing the missing part of a truncated file ends the process with a signal instead of an
 * error.
 */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { ownCommand } from '../runtime/own-command.ts';
import type { EmbeddedStoreFacts } from '../server.ts';
import { StoreDamagedError } from '../storage/store-damaged-error.ts';
import { writeData } from './terminal-text.ts';

const NAME = 'inspect-store';

/** The hidden command that the process runs. */
export function inspectStoreCommand(): Command {
  return new Command(NAME).argument('<folder>').action(async (folder: string) => {
    try {
      const { inspectEmbeddedStore } = await import('../server.ts');
      writeData(JSON.stringify({ facts: await inspectEmbeddedStore(folder, true) }));
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      writeData(JSON.stringify({ problem, isDamage: isDamage(error) }));
    }
  });
}

/**
 * Reads a whole store and reports its content.
 *
 * @throws StoreDamagedError when it is damaged, also when reading it ended the process; Error for
 *   any other failure
 */
export async function inspectApart(folder: string): Promise<EmbeddedStoreFacts> {
  const [command, ...args] = ownCommand(NAME, folder);
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const output = await text(child.stdout);
  const how = await ended;
  if (output === '')
    throw new StoreDamagedError(`the file is damaged: reading it ended with ${how}; restore a backup`);
  const answer = JSON.parse(output) as Inspection;
  if ('facts' in answer) return answer.facts;
  throw answer.isDamage ? new StoreDamagedError(answer.problem) : new Error(answer.problem);
}

type Inspection =
  | { readonly facts: EmbeddedStoreFacts }
  | { readonly problem: string; readonly isDamage: boolean };

/** Whether an error says that the store is damaged, in our words or the engine's. */
export function isDamage(error: unknown): boolean {
  if (error instanceof StoreDamagedError) return true;
  return error instanceof Error && /^MDB_(PAGE_NOTFOUND|CORRUPTED|INVALID|PANIC)\b/.test(error.message);
}
