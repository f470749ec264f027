/**
 * `quiver completion`: completes commands, flags, choices and files in the shell.
 *
 * The scripts are generated from the commands and are self-contained: no process is started at a
 * key press, and typed text is never evaluated.
 */

import { Argument, Command, InvalidArgumentError, type Option } from 'commander';
import { SETTINGS, type Setting } from '../config/settings.ts';
import { suggestion } from './suggestion.ts';
import { writeData } from './terminal-text.ts';

const EXAMPLES = `
Examples:
  source <(quiver completion bash)                 # this shell; in ~/.bashrc for all
  source <(quiver completion zsh)                  # in ~/.zshrc, after compinit
  quiver completion fish > ~/.config/fish/completions/quiver.fish
  quiver completion powershell | Out-String | Invoke-Expression     # in $PROFILE for all
`;

/** Adds the command to a program that already has all others. */
export function addCompletion(program: Command): void {
  const shells = Object.keys(SCRIPTS);
  const command = new Command('completion')
    .description('print a script that completes quiver in your shell')
    .addArgument(
      new Argument('<shell>', 'which shell').choices(shells).argParser((shell: string) => {
        if (shells.includes(shell)) return shell;
        throw new InvalidArgumentError(`Unknown shell${suggestion(shell, shells)}`);
      }),
    )
    .addHelpText('after', EXAMPLES)
    .action((shell: string) => writeData(SCRIPTS[shell]!(program)));
  command.copyInheritedSettings(program);
  program.addCommand(command);
}

const SCRIPTS: Readonly<Record<string, (program: Command) => string>> = {
  bash: bashScript,
  zsh: (program) =>
    `#compdef ${program.name()}\n(( $+functions[complete] )) || { autoload -Uz bashcompinit && bashcompinit }\n${bashScript(program)}`,
  fish: fishScript,
  powershell: powershellScript,
};

/** A command as completion needs it. */
interface Completed {
  /** The words that lead to it, without the program's name. */
  readonly path: readonly string[];
  readonly description: string;
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
  /** The possible first arguments: one of these, or a file. */
  readonly choices: readonly string[];
  readonly takesFile: boolean;
}

function completedOf(command: Command, path: readonly string[] = []): Completed[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const [argument] = command.registeredArguments;
  const completed: Completed = {
    path,
    description: command.description(),
    commands,
    options: help.visibleOptions(command),
    choices: argument?.argChoices ?? [],
    takesFile: argument !== undefined && isFile(argument.name()),
  };
  const parts = commands.filter((part) => part.name() !== 'help');
  return [completed, ...parts.flatMap((part) => completedOf(part, [...path, part.name()]))];
}

function isFile(valueName: string): boolean {
  return /^(file|path|folder)$/.test(valueName);
}

function optionTakesFile({ flags }: Option): boolean {
  return isFile(/<(\w+)>/.exec(flags)?.[1] ?? '');
}

/** The possible values of a flag; empty if unknown. */
function choicesOf({ argChoices, long }: Option): readonly string[] {
  const setting = (SETTINGS as readonly Setting[]).find(({ name }) => `--${name}` === long);
  return argChoices ?? setting?.choices ?? [];
}

/** The words that may follow the command itself: subcommands, arguments, flags. */
function wordsOf({ commands, choices, options }: Completed): string[] {
  return [...commands.map((part) => part.name()), ...choices, ...options.map(({ long }) => long ?? '')];
}

/**
 * The words that may follow a flag. If its value is optional, these include the words that may
 * follow the command.
 */
function wordsAfter(option: Option, completed: Completed): string[] {
  return [...choicesOf(option), ...(option.optional ? wordsOf(completed) : [])];
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function bashScript(program: Command): string {
  const all = completedOf(program);
  const name = program.name();
  const commandPaths = all.filter(({ path }) => path.length > 0).map(({ path }) => path);
  // For each path: the words before the last one, a space, the last word. The loop below recognises
  // paths by this.
  const steps = commandPaths.map((path) => singleQuoted(`${path.slice(0, -1).join(' ')} ${path.at(-1)}`));
  const values = all.flatMap((completed) =>
    completed.options.filter(takesValue).map((option) => {
      const files = optionTakesFile(option) || (option.optional && completed.takesFile) ? ' files=1' : '';
      const reply = `words=${bashWords(wordsAfter(option, completed))}${files}`;
      return `    ${singleQuoted(`${completed.path.join(' ')} ${option.long}`)}) ${reply} ;;`;
    }),
  );
  const words = all.map((completed) => {
    const files = completed.takesFile ? ' files=1' : '';
    return `        ${singleQuoted(completed.path.join(' '))}) words=${bashWords(wordsOf(completed))}${files} ;;`;
  });
  return `# bash completion for ${name}
_${name}() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command='' words='' files='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command \${COMP_WORDS[i]}" in
      ${steps.join('|')}) command="\${command:+$command }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$command $previous" in
${values.join('\n')}
    *)
      case "$command" in
${words.join('\n')}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -n $files && $current != -* ]]; then
    COMPREPLY+=($(compgen -f -- "$current"))
    compopt -o filenames 2>/dev/null
  fi
}
complete -F _${name} ${name}
`;
}

/** Quotes words as one bash word that is split again at line feeds, the field separator. */
function bashWords(words: readonly string[]): string {
  return `$'${words.join('\\n')}'`;
}

function fishScript(program: Command): string {
  const name = program.name();
  const lines = [`# fish completion for ${name}`, `complete -c ${name} -f`];
  for (const { path, commands, options, choices, takesFile } of completedOf(program)) {
    const start = `complete -c ${name} -n ${singleQuoted(fishCondition(path, commands))}`;
    for (const part of commands) {
      lines.push(`${start} -a ${singleQuoted(part.name())} -d ${singleQuoted(part.description())}`);
    }
    if (choices.length > 0) lines.push(`${start} -a ${singleQuoted(choices.join(' '))}`);
    if (takesFile) lines.push(`${start} -F`);
    for (const option of options) {
      // If the value is optional, fish offers values after --flag= and moves on after a space.
      const value = option.required ? (optionTakesFile(option) ? ' -r -F' : ' -x') : '';
      const values = choicesOf(option);
      const among = values.length > 0 ? ` -a ${singleQuoted(values.join(' '))}` : '';
      const flag = option.long?.replace(/^--/, '') ?? '';
      lines.push(`${start} -l ${flag}${value}${among} -d ${singleQuoted(option.description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/**
 * A condition that is true when the words so far lead to the command and not to one of its
 * subcommands.
 */
function fishCondition(path: readonly string[], commands: readonly Command[]): string {
  if (path.length === 0) return '__fish_use_subcommand';
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
  const own = commands.map((part) => part.name());
  return [...seen, ...(own.length > 0 ? [`not __fish_seen_subcommand_from ${own.join(' ')}`] : [])].join(
    '; and ',
  );
}

/** Quotes text for bash, zsh and fish alike; quotes inside become typographic ones. */
function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", '’').replaceAll('\\', '')}'`;
}

function powershellScript(program: Command): string {
  const name = program.name();
  const all = completedOf(program);
  const list = (words: readonly string[]) => `@(${words.map(singleQuoted).join(', ')})`;
  const offered = all.map(
    (completed) => `    ${singleQuoted(completed.path.join(' '))} = ${list(wordsOf(completed))}`,
  );
  const values = all.flatMap((completed) =>
    completed.options.filter(takesValue).map((option) => {
      const key = singleQuoted(`${completed.path.join(' ')} ${option.long}`);
      return `    ${key} = ${list(wordsAfter(option, completed))}`;
    }),
  );
  // Nothing found: PowerShell then offers files by itself, as it does after an empty list.
  return `# PowerShell completion for ${name}
Register-ArgumentCompleter -Native -CommandName ${name} -ScriptBlock {
  param($word, $commandAst, $position)
  $offered = @{
${offered.join('\n')}
  }
  $values = @{
${values.join('\n')}
  }
  $typed = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -ne '' -and $typed.Count -gt 0) { $typed = @($typed | Select-Object -SkipLast 1) }
  $command = ''
  foreach ($one in $typed) {
    $longer = "$command $one".Trim()
    if ($offered.ContainsKey($longer)) { $command = $longer }
  }
  $last = if ($typed.Count -gt 0) { $typed[-1] } else { '' }
  $key = "$command $last"
  $words = if ($values.ContainsKey($key)) { $values[$key] } else { $offered[$command] }
  $words | Where-Object { $_ -and $_.StartsWith($word) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
