import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { addCompletion } from './completion.ts';

async function scriptFor(shell: string): Promise<string> {
  const program = new Command('quiver').version('1');
  program.command('worker', { hidden: true });
  const load = program
    .command('load')
    .description("a person's file")
    .argument('<file>')
    .option('--token <token>');
  load.option('--out <path>').addOption(new Option('--as <kind>').choices(['red', 'green']));
  load.option('--tls-dev [yes|no]').option('--log-level <level>').option('--loose [x]');
  const batch = program.command('batch');
  batch.command('status').argument('[id]').option('--json', 'as JSON');
  addCompletion(program);
  let script = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    script += text;
    return true;
  });
  await program.parseAsync(['completion', shell], { from: 'user' });
  write.mockRestore();
  return script;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quiver-completion-'));
  writeFileSync(join(folder, 'file one'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('completion in bash', () => {
  test.each<[typed: string[], offered: string[]]>([
    [[''], ['load', 'batch', 'completion', 'help', '--version', '--help']],
    [['l'], ['load']],
    [['w'], []],
    [
      ['load', ''],
      ['--token', '--out', '--as', '--tls-dev', '--log-level', '--loose', '--help', 'file one'],
    ],
    [['load', '--o'], ['--out']],
    [['load', 'f'], ['file one']],
    [
      ['load', '--as', ''],
      ['red', 'green'],
    ],
    [['load', '--as', 'g'], ['green']],
    [['load', '--token', ''], []],
    [
      ['load', '--log-level', ''],
      ['silent', 'error', 'warn', 'info', 'debug'],
    ],
    // An optional value.
    [
      ['load', '--tls-dev', ''],
      ['yes', 'no', '--token', '--out', '--as', '--tls-dev', '--log-level', '--loose', '--help', 'file one'],
    ],
    [['load', '--tls-dev', '--o'], ['--out']],
    [
      ['load', '--loose', ''],
      ['--token', '--out', '--as', '--tls-dev', '--log-level', '--loose', '--help', 'file one'],
    ],
    [['load', '--out', 'fi'], ['file one']],
    [['batch', 's'], ['status']],
    [
      ['batch', 'status', '--'],
      ['--json', '--help'],
    ],
    [['load', 'status', '--j'], []],
    [['completion', 'z'], ['zsh']],
    // Typed text is never executed.
    [
      ['load', '$(touch proof)', ''],
      ['--token', '--out', '--as', '--tls-dev', '--log-level', '--loose', '--help', 'file one'],
    ],
  ])('offers the right words for %j', async (typed, offered) => {
    const script = await scriptFor('bash');
    const test = `${script}
      COMP_WORDS=(quiver "$@"); COMP_CWORD=$#; _quiver; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const output = execFileSync('bash', ['-u', '-c', test, 'bash', ...typed], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(output.split('\n').filter((line) => line !== '')).toEqual(offered);
  });
});

test('zsh loads the script of bash', async () => {
  expect(await scriptFor('zsh')).toContain(await scriptFor('bash'));
});

test('fish gets one line for each word or flag, bound to its own command', async () => {
  const lines = (await scriptFor('fish')).split('\n');
  expect(lines).toContain(`complete -c quiver -n '__fish_use_subcommand' -a 'load' -d 'a person’s file'`);
  expect(lines).toContain(
    `complete -c quiver -n '__fish_seen_subcommand_from load' -l as -x -a 'red green' -d ''`,
  );
  expect(lines).toContain(
    `complete -c quiver -n '__fish_seen_subcommand_from load' -l tls-dev -a 'yes no' -d ''`,
  );
  expect(lines).toContain(`complete -c quiver -n '__fish_seen_subcommand_from load' -F`);
  expect(lines).toContain(
    `complete -c quiver -n '__fish_seen_subcommand_from batch; and __fish_seen_subcommand_from status' -l json -d 'as JSON'`,
  );
  expect(lines.join()).not.toContain('worker');
});

test('PowerShell gets the words of each command, the choices of each flag, and files otherwise', async () => {
  const lines = (await scriptFor('powershell')).split('\n');
  expect(lines).toContain('Register-ArgumentCompleter -Native -CommandName quiver -ScriptBlock {');
  expect(lines).toContain("    '' = @('load', 'batch', 'completion', 'help', '--version', '--help')");
  expect(lines).toContain(
    "    'load' = @('--token', '--out', '--as', '--tls-dev', '--log-level', '--loose', '--help')",
  );
  expect(lines).toContain("    'batch status' = @('--json', '--help')");
  expect(lines).toContain("    'load --as' = @('red', 'green')");
  expect(lines).toContain("    'load --out' = @()");
  expect(lines).toContain("    'load --log-level' = @('silent', 'error', 'warn', 'info', 'debug')");
  expect(lines).toContain(
    `    'load --loose' = @('--token', '--out', '--as', '--tls-dev', '--log-level', '--loose', '--help')`,
  );
  // No null is piped, because calling a method on null fails at every key press.
  expect(lines.join()).not.toContain('$null');
  expect(lines.join()).toContain('$words | Where-Object { $_ -and');
  expect(lines.join()).not.toContain('worker');
});
