import { afterEach, expect, test, vi } from 'vitest';
import { run } from './run.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

async function quiver(...args: string[]) {
  let [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
  return { code: await run(args), stdout, stderr };
}

test.each<[args: string[], says: string]>([
  [['help', 'nope'], "unknown command 'nope'"],
  [['help', 'serv'], "unknown command 'serv' (Did you mean serve?)"],
  [['help', 'token', 'list'], "unknown command 'list': it must be new, show or end"],
  [['token', 'list'], "unknown command 'list': it must be new, show or end"],
  [['batch', 'stats'], "unknown command 'stats' (Did you mean status?)"],
  [
    ['completion', 'powershel'],
    "command-argument value 'powershel' is invalid for argument 'shell'. Unknown shell (Did you mean powershell?)",
  ],
  [
    ['completion', 'tcl'],
    "command-argument value 'tcl' is invalid for argument 'shell'. Unknown shell: it must be bash, zsh, fish or powershell",
  ],
])('the words %j get the right suggestion', async (args, says) => {
  expect(await quiver(...args)).toEqual({ code: 2, stdout: '', stderr: `quiver: ${says}\n` });
});

test('help describes a command, a part of it, and all commands', async () => {
  for (const path of [['get'], ['token', 'new'], []]) {
    const helped = await quiver('help', ...path);
    expect(helped).toMatchObject({ code: 0, stderr: '' });
    expect(helped).toEqual(await quiver(...path, '--help'));
  }
});
