/**
 * The commands on a data folder, as a group: backup, restore, compact, doctor. Their code is loaded
 * only when needed, because the supervisor of a server keeps this module in memory.
 */

import { Command } from 'commander';
import { grouped } from '../batches/batch-format.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { SettingName } from '../config/settings.ts';
import { exitCodeOf } from './data-folder-failure.ts';
import { inspectStoreCommand } from './inspect-store.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

type Options = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * What the program provides: its settings as flags, and the configuration that results from them.
 */
export interface SettingFlags {
  /** Adds the flags of the named settings (by default all), and `--config`. */
  add(command: Command, names?: readonly SettingName[]): Command;
  load(options: Options): LoadedConfig;
}

const EXIT_CODES = `
Exit codes: 0 done; 1 not done, and nothing was changed; 2 wrong use; 6 the store has another format.
`;

const BACKUP_HELP = `
Works beside a running server and delays nothing. The copy contains the store as it is at one moment, the files of batches that it still
needs, the admin token and the signing key: protect it like the data folder. <folder> must not exist yet, or be empty.
The copy is read completely before it gets its name.

Examples:
  quiver backup /backups/quiver-2026-11-24
  quiver backup --data /var/lib/quiver /backups/$(date +%F)
${EXIT_CODES}`;

const RESTORE_HELP = `
Compares every file of the backup with its list, opens the copy, and only then puts it in place. A data folder that is not empty is refused;
with --force its contents are moved to a folder within it. A running server must be stopped first.

Examples:
  quiver restore /backups/quiver-2026-11-24
  quiver restore --data /var/lib/quiver --force /backups/quiver-2026-11-24
${EXIT_CODES}`;

const COMPACT_HELP = `
A store reuses freed space, but its file does not shrink while a server has it open. Stop the server first.
The stored data does not change. Needs as much free disk space as there is live data; until the last step, a rename, the old
file stays as it is.

Examples:
  quiver compact
  quiver compact --data /var/lib/quiver
${EXIT_CODES}`;

const DOCTOR_HELP = `
Takes the flags of serve, starts nothing and may run beside a server. Reads the whole embedded store once.

Examples:
  quiver doctor
  quiver doctor --data /var/lib/quiver --json | jq '.findings[] | select(.state != "ok")'

Exit codes: 0 no problem, perhaps warnings; 1 a problem; 2 wrong use.
`;

/** Adds the commands to the program. */
export function addDataFolderCommands(
  program: Command,
  end: (exitCode: number) => void,
  settings: SettingFlags,
): void {
  const where: readonly SettingName[] = ['data', 'store'];
  const backup = new Command('backup')
    .description('copy the data folder while the server runs')
    .argument('<folder>', 'the folder of the backup')
    .addHelpText('after', BACKUP_HELP)
    .action(async (folder: string, options: Options) => {
      const { config } = settings.load(options);
      end(await exitCodeOf(() => runBackup(config, folder)));
    });
  const restoring = new Command('restore')
    .description('restore a backup into the data folder')
    .argument('<folder>', 'the backup')
    .option('--force', 'replace a data folder that is not empty; the old content is kept aside')
    .addHelpText('after', RESTORE_HELP)
    .action(async (folder: string, options: Options) => {
      const { config } = settings.load(options);
      end(await exitCodeOf(() => runRestore(config, folder, Boolean(options.force))));
    });
  const compacting = new Command('compact')
    .description('shrink the file of a stopped store')
    .addHelpText('after', COMPACT_HELP)
    .action(async (options: Options) => {
      const { config } = settings.load(options);
      end(await exitCodeOf(() => runCompact(config)));
    });
  const doctor = new Command('doctor')
    .description('check what Quiver depends on: data folder, space, store, clock, limits')
    .option('--json', 'the findings as JSON')
    .addHelpText('after', DOCTOR_HELP)
    .action(async (options: Options) => {
      const { config } = settings.load(options);
      end(await exitCodeOf(() => runDoctor(config, Boolean(options.json))));
    });
  const all = [
    ...[backup, restoring, compacting].map((one) => settings.add(one, where)),
    settings.add(doctor),
  ];
  for (const command of all) {
    command.copyInheritedSettings(program);
    program.addCommand(command);
  }
  program.addCommand(inspectStoreCommand(), { hidden: true });
}

async function runBackup(config: LoadedConfig['config'], folder: string): Promise<number> {
  const { backUp } = await import('./backup.ts');
  const { profiles, unfinishedBatches, files } = await backUp(config, folder);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  writeNote(
    `${grouped(profiles)} profiles, ${grouped(unfinishedBatches)} unfinished batches, ${grouped(bytes)} bytes in ${shown(folder)}`,
  );
  return 0;
}

async function runRestore(config: LoadedConfig['config'], folder: string, force: boolean): Promise<number> {
  const { restore } = await import('./restore.ts');
  const { manifest, keptAside, suppressed } = await restore(config, folder, force);
  writeNote(`${grouped(manifest.profiles)} profiles of ${shown(manifest.madeAt)} are in ${config.dataDir}`);
  if (suppressed > 0) writeNote(`${grouped(suppressed)} profiles of suppressed persons were left out`);
  if (keptAside !== undefined) writeNote(`the old content is in ${keptAside}`);
  return 0;
}

async function runCompact(config: LoadedConfig['config']): Promise<number> {
  const { compact } = await import('./compact.ts');
  const { profiles, bytesBefore, bytesAfter } = await compact(config);
  writeNote(
    `${grouped(profiles)} profiles; ${grouped(bytesBefore)} bytes before, ${grouped(bytesAfter)} now`,
  );
  return 0;
}

async function runDoctor(config: LoadedConfig['config'], asJson: boolean): Promise<number> {
  const { diagnose, exitCodeFor } = await import('./doctor.ts');
  const findings = await diagnose(config);
  const exitCode = exitCodeFor(findings);
  if (asJson) writeData(`${JSON.stringify({ healthy: exitCode === 0, findings })}\n`);
  else writeData(table(findings.map(({ state, name, text }) => [state, name, shown(text)])));
  return exitCode;
}
