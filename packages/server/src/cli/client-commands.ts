/** The commands that call a running server, as a group. */

import type { Command } from 'commander';
import { auditCommand } from './audit.ts';
import { batchCommand } from './batch.ts';
import { changesCommand } from './changes.ts';
import type { End } from './client-failure.ts';
import { addCompletion } from './completion.ts';
import { customersCommand } from './customers.ts';
import { deleteCommand } from './delete.ts';
import { edgesCommand } from './edges.ts';
import { exportCommand } from './export.ts';
import { getCommand } from './get.ts';
import { healthCommand } from './health.ts';
import { importCommand } from './import.ts';
import { listCommand } from './list.ts';
import { mergesCommand, unmergeCommand } from './merges.ts';
import { privacyCommand } from './privacy.ts';
import { recordCommand, replayCommand } from './record.ts';
import { scriptCommand } from './script.ts';
import { setCommand } from './set.ts';
import { settingsCommand } from './settings.ts';
import { suggestion } from './suggestion.ts';
import { tokenCommand } from './token.ts';
import { watchCommand } from './watch.ts';
import { webhookCommand } from './webhook.ts';

/** Adds them and completion, which must come after all other commands of the program. */
export function addClientCommands(program: Command, end: End): void {
  const makers = [
    importCommand,
    exportCommand,
    listCommand,
    getCommand,
    setCommand,
    deleteCommand,
    mergesCommand,
    unmergeCommand,
    privacyCommand,
    batchCommand,
    changesCommand,
    webhookCommand,
    customersCommand,
    scriptCommand,
    tokenCommand,
    settingsCommand,
    auditCommand,
    edgesCommand,
    healthCommand,
    watchCommand,
    recordCommand,
    replayCommand,
  ];
  for (const make of makers) {
    const command = make(end);
    settle(command, program);
    program.addCommand(command);
  }
  addCompletion(program);
}

/** Makes commands that were created separately report wrong use as the program does. */
function settle(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent).helpOption('--help', 'print this help').allowExcessArguments(false);
  for (const part of command.commands) settle(part, command);
  if (command.commands.length === 0) return;
  const names = command.commands.map((part) => part.name());
  command.on('command:*', ([name = '']: readonly string[]) => {
    command.error(`error: unknown command '${name}'${suggestion(name, names)}`);
  });
}
