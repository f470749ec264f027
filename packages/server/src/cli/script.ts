/** `quiver script`: the profile scripts of a client (contract section 16). */

import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import type { ProfileScriptView } from 'quiver-client';
import { scriptNameProblem } from '../domain/script-rules.ts';
import { isRead, readSource, sourceProblemText } from '../scripts/script-source.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { cannotRead } from './import-source.ts';
import { type ConnectionOptions, connect, ReplyText } from './server-connection.ts';
import { subcommandsOf } from './subcommands.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';
import { KIND_HELP, type KindOptions, kindsOf, withKind } from './visitor-argument.ts';

type ReadOptions = ConnectionOptions & { readonly json?: boolean };
type SetOptions = ConnectionOptions & { readonly off?: boolean };
type TestOptions = ReadOptions &
  KindOptions & {
    readonly file?: string;
    readonly id?: string;
    readonly mbox?: string;
    readonly parameter?: Readonly<Record<string, string>>;
    readonly page?: string;
  };

const EXAMPLES = `
All commands except check need the admin token. A script is the body of a function; its result is stored as user.<name>.

Examples:
  quiver script list
  quiver script check tier.js
  quiver script test tier --file tier.js --id crm-4711 --mbox home
  quiver script set tier tier.js
  quiver script get tier
  quiver script disable tier
`;
const ID_MEMBERS = { tntId: 'tntId', thirdPartyId: 'thirdPartyId', ecid: 'marketingCloudVisitorId' } as const;

/** The command with its subcommands, to be added to the program. */
export function scriptCommand(end: End): Command {
  const command = new Command('script').description('JavaScript that runs with every visit');
  const { add, ofOne } = subcommandsOf(command, end, EXAMPLES, ['<name>', 'the script']);
  add('list', 'show the scripts and how often they ran')
    .option('--json', 'print the unchanged reply of the server')
    .action((options: ReadOptions) => endWith(end, () => list(options)));
  ofOne('get', 'print a script; its state goes to stderr', get).option(
    '--json',
    'print the unchanged reply of the server',
  );
  add('set', 'set a script, new or changed; one that the server disabled runs again')
    .argument('<name>', '1 to 50 letters, digits, _ and -')
    .argument('<file>', 'JavaScript, - for stdin')
    .option('--off', 'store it without running it')
    .action((name: string, file: string, options: SetOptions) =>
      endWith(end, () => set(name, file, options)),
    );
  command.addCommand(
    new Command('check')
      .description('check a script without a server')
      .argument('<file>', 'JavaScript, - for stdin')
      .addHelpText('after', EXAMPLES)
      .action((file: string) => endWith(end, () => check(file))),
  );
  ofOne('enable', 'enable a script', (name, options) => enable(name, options, true));
  ofOne('disable', 'disable a script', (name, options) => enable(name, options, false));
  ofOne('delete', 'delete a script; values that it stored stay', remove);
  addTest(add('test', 'run a script on a profile; nothing is stored'), end);
  return command.addHelpText('after', EXAMPLES);
}

function addTest(command: Command, end: End): void {
  withKind(command)
    .argument('<name>', 'the script')
    .option('--file <file>', 'run this instead of the stored script; - for stdin')
    .option('--id <id>', 'the visitor whose profile it reads; by default an unknown visitor')
    .option('--mbox <name>', 'the mbox that it runs for')
    .option('--parameter <name=value>', 'a parameter of the mbox; may come several times', collect)
    .option('--page <url>', 'the URL of the page')
    .option('--json', 'print the unchanged reply of the server')
    .addHelpText('after', KIND_HELP)
    .action((name: string, options: TestOptions) => endWith(end, () => test(name, options)));
}

function collect(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Expected name=value.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

async function list(options: ReadOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const scripts = await connect(options).admin.scripts(reply);
  if (options.json) writeData(`${reply.text}\n`);
  else if (scripts.length === 0) writeNote('no scripts');
  else writeData(table([HEAD, ...scripts.map(lineOf)]));
  return EXIT.ok;
}

const HEAD = ['NAME', 'STATE', 'RUNS', 'ERRORS', 'CHANGED', 'REASON'];

function lineOf({ name, state, runs, errors, changedAt, reason = '' }: ProfileScriptView): string[] {
  return [shown(name), state, String(runs), String(errors), changedAt, shown(reason)];
}

async function get(name: string, options: ReadOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const script = await found(name, options, reply);
  if (options.json) writeData(`${reply.text}\n`);
  else {
    writeNote(stateOf(script));
    writeData(script.script.endsWith('\n') ? script.script : `${script.script}\n`);
  }
  return EXIT.ok;
}

async function found(name: string, options: ConnectionOptions, reply?: ReplyText) {
  const script = await connect(options).admin.script(name, reply);
  if (script === undefined) throw new ClientFailure(EXIT.refused, `no such script: ${shown(name)}`);
  return script;
}

function stateOf({ name, state, reason, runs, errors }: ProfileScriptView): string {
  const why = reason === undefined ? '' : `: ${shown(reason)}`;
  return `${shown(name)} is ${state}${why}; ${runs} runs, ${errors} errors`;
}

async function set(name: string, file: string, { off, ...options }: SetOptions): Promise<ExitCode> {
  const problem = scriptNameProblem(name);
  if (problem !== undefined) throw new ClientFailure(EXIT.wrongUse, `${shown(name)}: ${problem}`);
  writeNote(stateOf(await connect(options).admin.setScript(name, await sourceIn(file), !off)));
  return EXIT.ok;
}

async function check(file: string): Promise<ExitCode> {
  const read = readSource(await sourceIn(file));
  if (!isRead(read)) throw new ClientFailure(EXIT.refused, shown(sourceProblemText(read)));
  writeNote('the script can be set');
  return EXIT.ok;
}

/** @throws ClientFailure `wrongUse` when the file cannot be read; nothing has been sent then */
async function sourceIn(file: string): Promise<string> {
  try {
    return await text(file === '-' ? process.stdin : createReadStream(file));
  } catch (cause) {
    throw cannotRead(file, cause);
  }
}

async function enable(name: string, options: ConnectionOptions, enabled: boolean): Promise<ExitCode> {
  const { script } = await found(name, options);
  writeNote(stateOf(await connect(options).admin.setScript(name, script, enabled)));
  return EXIT.ok;
}

async function remove(name: string, options: ConnectionOptions): Promise<ExitCode> {
  await connect(options).admin.deleteScript(name);
  writeNote('deleted');
  return EXIT.ok;
}

async function test(name: string, options: TestOptions): Promise<ExitCode> {
  const { file, id, mbox, parameter, page } = options;
  const reply = new ReplyText();
  const sent = {
    ...(file !== undefined && { script: await sourceIn(file) }),
    ...(id !== undefined && { id: { [ID_MEMBERS[kindsOf(id, options)[0]!]]: id } }),
    ...{ mbox, parameters: parameter, page },
  };
  const { value, error, milliseconds, instructions } = await connect(options).admin.testScript(
    name,
    sent,
    reply,
  );
  if (options.json) writeData(`${reply.text}\n`);
  else if (error === undefined) {
    if (value === undefined) writeNote('returned nothing: the stored value stays');
    else writeData(`${shown(JSON.stringify(value))}\n`);
    writeNote(`${milliseconds} ms, ${instructions} instructions`);
  }
  if (error !== undefined) throw new ClientFailure(EXIT.refused, shown(error));
  return EXIT.ok;
}
