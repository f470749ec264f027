/**
 * Looks at an embedded store in a process of its own: the engine maps its file into memory, and a file that is cut short ends whoever
 * touches what is not there, with a signal and not with an error.
 */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { ownCommand } from '../runtime/own-command.ts';
import type { EmbeddedStoreFacts } from '../server.ts';
import { writeData } from './terminal-text.ts';

const NAME = 'inspect-store';

/** The hidden command that the process runs. */
export function inspectStoreCommand(): Command {
  return new Command(NAME).argument('<folder>').action(async (folder: string) => {
    try {
      const { inspectEmbeddedStore } = await import('../server.ts');
      writeData(JSON.stringify({ facts: await inspectEmbeddedStore(folder, true) }));
    } catch (error) {
      writeData(JSON.stringify({ problem: error instanceof Error ? error.message : String(error) }));
    }
  });
}

/**
 * Reads a whole store and says what is in it.
 *
 * @throws Error when it cannot be read, also when the attempt ended the process that made it
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
  if (output === '') throw new Error(`the file is damaged: reading it ended with ${how}; restore a backup`);
  const { facts, problem } = JSON.parse(output) as { facts?: EmbeddedStoreFacts; problem?: string };
  if (facts === undefined) throw new Error(problem);
  return facts;
}
