/** The command line: its commands, flags and help. */

import { Command, Option } from 'commander';
import { type LoadedConfig, loadConfig } from '../config/load-config.ts';
import { SETTINGS, type Setting, variableOf } from '../config/settings.ts';
import { quiverVersion } from '../version.ts';
import { addClientCommands } from './client-commands.ts';
import { config } from './config.ts';
import { addDataFolderCommands } from './data-folder-commands.ts';
import { SANDBOX_SETTINGS, type SandboxFlags } from './sandbox-flags.ts';
import { serve } from './serve.ts';

const EXIT_CODES = `
Exit codes: 0 ended cleanly by a signal; 1 cannot listen, cannot start, or did not end cleanly;
2 an unknown flag or a bad value; 6 the store has another format.
`;

const SERVE_EXAMPLES = `
Every flag with a value can also be a variable, such as QUIVER_PORT for --port, or a member of the JSON file of --config. Flags
override variables, and variables override the file. QUIVER_ADMIN_TOKEN sets the admin token.

Examples:
  quiver serve
  quiver serve --demo --data /tmp/quiver-demo
  quiver serve --port 9000 --data /var/lib/quiver --client acme --client globex
  QUIVER_HOST=0.0.0.0 quiver serve --tls-cert chain.pem --tls-key key.pem
${EXIT_CODES}`;

const SANDBOX_EXAMPLES = `
Serves any client code unless --client names some. Calls to /sandbox need the admin token, which is printed; QUIVER_ADMIN_TOKEN
sets it. With --data, profiles, settings and tokens are kept; the seed is then only for clients that the folder does not know yet.

Examples:
  quiver sandbox
  quiver sandbox --port 8680 --seed people.yaml --now 2026-01-01T00:00:00Z --ids seed:42
  quiver sandbox --data ./shop-sandbox
  curl -X DELETE -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8680/sandbox/state

Exit codes: 0 ended by a signal; 1 cannot listen, or the folder is in use; 2 an unknown flag, a bad value or a bad seed.
`;

const CONFIG_EXAMPLES = `
Takes the flags of serve and starts nothing. Secrets are not shown.

Examples:
  quiver config
  QUIVER_PORT=9000 quiver config --config quiver.json
`;

const PROGRAM_EXAMPLES = `
Examples:
  quiver serve --port 9000 --data /var/lib/quiver
  quiver config --config quiver.json
  quiver backup /backups/quiver-2026-11-24
  quiver import people.batch
  quiver get --third-party crm-1042
  quiver sandbox
  quiver serve --help
`;

/** The settings whose flags mean in a sandbox what they mean in a server. */
const SANDBOX_SHARED = SANDBOX_SETTINGS.filter((name) => name !== 'data');

/** The program with all its commands. @param end is called with the exit code */
export function makeProgram(end: (exitCode: number) => void): Command {
  const program = new Command('quiver')
    .description('Visitor-profile server, compatible with the profile APIs of Adobe Target')
    .version(quiverVersion(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .addHelpText('after', PROGRAM_EXAMPLES)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(
          `quiver: ${text
            .replace(/^error: /, '')
            .trim()
            .replaceAll(/\s+/g, ' ')}\n`,
        ),
    });
  withSettings(program.command('serve'))
    .description('serve the profile APIs')
    .addHelpText('after', SERVE_EXAMPLES)
    .option('--demo', 'fill the first client with made-up visitors, unless it already has data')
    .option('--sandbox', 'same as quiver sandbox')
    .action(async (options: Options & { demo?: true; sandbox?: true }) =>
      end(
        await (options.sandbox ? runSandbox(options) : serve(load(options), { demo: options.demo ?? false })),
      ),
    );
  withSettings(program.command('sandbox'), SANDBOX_SHARED)
    .description('serve for tests: a temporary store, with control of state, clock, faults and journal')
    .addHelpText('after', SANDBOX_EXAMPLES)
    .option('--seed <file>', 'profiles to start from; quiver.seed.yaml, .json or .ndjson by default')
    .option('--data <folder>', 'keep everything in this folder (QUIVER_DATA); by default a temporary one')
    .option('--now <time>', 'stop the clock at this time, ISO 8601; by default it runs with the system')
    .option('--ids <how>', 'random, or seed:<text> for the same tntIds in every run')
    .option('--beyond-loopback', 'allow a --host that others can reach')
    .action(async (options: Options) => end(await runSandbox(options)));
  withSettings(program.command('config'))
    .description('show every value of the configuration and its source')
    .addHelpText('after', CONFIG_EXAMPLES)
    .action((options: Options) => {
      process.stdout.write(config(load(options)));
    });
  addDataFolderCommands(program, end, { add: withSettings, load });
  addClientCommands(program, end);
  addHelp(program);
  for (const command of program.commands)
    command.helpOption('--help', 'print this help').allowExcessArguments(false);
  return program;
}

/** Replaces commander's own help command, which shows the general help for an unknown command. */
function addHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .argument('[command...]')
    .description('display help for command')
    .action(async (path: string[]) => {
      let command = program;
      for (const name of path) {
        const part = command.commands.find((one) => one.name() === name);
        // The command itself reports an unknown subcommand.
        if (part === undefined && command.commands.length > 0) {
          await command.parseAsync([name], { from: 'user' });
        }
        command = part ?? command;
      }
      command.help();
    });
}

/** Imported only here, because a server does not need the sandbox. */
async function runSandbox(options: Options): Promise<number> {
  const { sandbox } = await import('./sandbox.ts');
  return sandbox(load(options), options as SandboxFlags);
}

type Options = Readonly<Record<string, string | readonly string[] | undefined>>;

function withSettings(
  command: Command,
  names: readonly string[] = SETTINGS.map(({ name }) => name),
): Command {
  for (const setting of SETTINGS as readonly Setting[]) {
    if (!names.includes(setting.name)) continue;
    const value = setting.switch ? `[${setting.value.slice(1, -1)}]` : setting.value;
    const option = new Option(`--${setting.name} ${value}`, describe(setting));
    if (setting.switch) option.preset('yes');
    if (setting.repeatable) {
      option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
    }
    command.addOption(option);
  }
  return command.addOption(new Option('--config <file>', 'JSON file with settings, also QUIVER_CONFIG'));
}

function describe({ name, describe: meaning, fallback, repeatable }: Setting): string {
  const shown = typeof fallback === 'string' ? fallback : (fallback ?? []).join(', ');
  const notes = [
    ...(repeatable ? ['repeatable'] : []),
    ...(shown === '' ? [] : [name === 'workers' ? 'default: cores' : `default: ${shown}`]),
    variableOf(name),
  ];
  return `${meaning} (${notes.join('; ')})`;
}

/** Commander names options in camel case; the settings are named as on the command line. */
function load(options: Options): LoadedConfig {
  const flags = Object.fromEntries(
    SETTINGS.map(({ name }) => [
      name,
      options[name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())],
    ]),
  );
  const file = options.config ?? process.env.QUIVER_CONFIG;
  return loadConfig({
    flags,
    env: process.env,
    file: typeof file === 'string' && file !== '' ? file : undefined,
  });
}
