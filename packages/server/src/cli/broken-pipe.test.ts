import { afterEach, expect, test, vi } from 'vitest';
import { endOnBrokenPipe } from './broken-pipe.ts';

const before = { stdout: process.stdout.listeners('error'), stderr: process.stderr.listeners('error') };
afterEach(() => {
  for (const name of ['stdout', 'stderr'] as const) {
    for (const listener of process[name].listeners('error')) {
      if (!before[name].includes(listener)) process[name].off('error', listener as () => void);
    }
  }
  vi.restoreAllMocks();
});

/** The exit of a command, or a server, whose output fails. */
function failing(code: string, stream: 'stdout' | 'stderr', isServer = false) {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as () => never);
  let said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
  endOnBrokenPipe(isServer);
  const error = Object.assign(new Error(`${code}: no space\nat all`), { code });
  process[stream].emit('error', error);
  if (isServer) process[stream].emit('error', error);
  return { exits: exit.mock.calls, said };
}

test.each<[code: string, stream: 'stdout' | 'stderr', isServer: boolean, exits: unknown[][], said: string]>([
  ['EPIPE', 'stdout', false, [[]], ''],
  ['EPIPE', 'stdout', true, [], ''],
  ['ENOSPC', 'stdout', false, [[1]], 'quiver: cannot write the output: the disk is full (ENOSPC)\n'],
  ['ENOSPC', 'stdout', true, [], 'quiver: cannot write the output: the disk is full (ENOSPC)\n'],
  ['ENOSPC', 'stderr', false, [[1]], ''],
  ['EIO', 'stdout', false, [[1]], 'quiver: cannot write the output: EIO: no space at all (EIO)\n'],
])('%s on %s (server: %j) has the expected effect', (code, stream, isServer, exits, said) => {
  expect(failing(code, stream, isServer)).toEqual({ exits, said });
});
