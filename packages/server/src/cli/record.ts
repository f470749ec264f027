/**
 * `quiver record` and `quiver replay`: what a real integration sends, kept and tried again
 * (contract section 13).
 */

import { readFile, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { makeLog } from '../log.ts';
import type { Recording } from '../recording/recording.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { shown, writeData, writeNote } from './terminal-text.ts';

interface RecordOptions {
  readonly upstream: string;
  readonly out: string;
  readonly port: number;
  readonly seed?: string;
  readonly keepIds?: boolean;
  readonly keepValues?: boolean;
}

const HOST = '127.0.0.1';
// Recorder and replay bring a whole server along, which no other command should load.
const loadRecorder = () => import('../recording/recorder.ts');
const loadRecording = () => import('../recording/recording.ts');
const loadReplay = () => import('../recording/replay.ts');
const loadSeeds = () => import('../recording/recorded-seed.ts');

const RECORD_EXAMPLES = `
Point your client at the printed address. Each call is forwarded to --upstream; call and reply are kept in --out. Tokens are never
kept. Ids and values are consistently replaced by made-up ones, unless --keep-ids and --keep-values are given.
Only this machine can reach it. Ends with Ctrl-C. Calls that a client sends elsewhere, as Adobe's SDKs do after a
location hint, are not recorded.

Examples:
  quiver record --upstream https://acme.tt.omtrdc.net --out calls.ndjson
  quiver record --upstream http://127.0.0.1:8680 --out calls.ndjson --seed quiver.seed.ndjson --keep-values

Exit codes: 0 ended by a signal; 1 cannot listen, or the file cannot be written; 2 wrong use.
`;

const REPLAY_EXAMPLES = `
Sends the calls of a recording to a new sandbox with the clock of the recording, and lists each call that it answers
differently. It compares statuses, refusals, ids and attributes, but not times, and not content, which Quiver does not choose.

Examples:
  quiver replay calls.ndjson
  quiver replay calls.ndjson --json

Exit codes: 0 all the same; 1 some differ; 2 wrong use, or a file that is not a recording.
`;

export function recordCommand(end: End): Command {
  return new Command('record')
    .description('forward calls to another server, and keep them, redacted, as a file')
    .requiredOption('--upstream <url>', 'the server that answers: scheme, host and port', originOf)
    .requiredOption('--out <file>', 'the recording; must not exist yet')
    .option('--port <port>', 'port to listen on, on this machine; 0 picks a free one', portOf, 8681)
    .option(
      '--seed <file>',
      'at the end, write the profiles that existed before, as a seed for quiver sandbox',
    )
    .option('--keep-ids', 'keep the ids of visitors as they are')
    .option('--keep-values', 'keep the values of attributes and parameters as they are')
    .addHelpText('after', RECORD_EXAMPLES)
    .action((options: RecordOptions) => endWith(end, () => record(options)));
}

export function replayCommand(end: End): Command {
  return new Command('replay')
    .description('send a recording to a sandbox, and show different answers')
    .argument('<file>', 'a file written by quiver record')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', REPLAY_EXAMPLES)
    .action((file: string, options: { readonly json?: boolean }) =>
      endWith(end, () => replayFile(file, options.json === true)),
    );
}

async function record(options: RecordOptions): Promise<ExitCode> {
  const { upstream, out, port, seed, keepIds = false, keepValues = false } = options;
  const { startRecorder } = await loadRecorder();
  const recorder = await startRecorder({
    ...{ upstream, out, port, host: HOST, keepsIds: keepIds, keepsValues: keepValues },
    log: makeLog('error'),
  }).catch((error: unknown) => {
    throw new ClientFailure(EXIT.refused, reasonOf(error, `${HOST}:${port}`), { cause: error });
  });
  writeData(`Recording    ${recorder.url}, to ${upstream}\nFile         ${shown(out)}\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  await recorder.close();
  writeNote(`${recorder.calls} calls in ${out}`);
  if (seed === undefined) return EXIT.ok;
  const { seedOfRecording } = await loadSeeds();
  const profiles = seedOfRecording(await recordingIn(out));
  await writeFile(seed, profiles.map((profile) => `${JSON.stringify(profile)}\n`).join(''), { mode: 0o600 });
  writeNote(`${profiles.length} profiles in ${seed}`);
  return EXIT.ok;
}

async function replayFile(file: string, isJson: boolean): Promise<ExitCode> {
  const recording = await recordingIn(file);
  const { replay } = await loadReplay();
  const result = await replay(recording);
  const { calls, differences } = result;
  if (isJson) {
    writeData(`${JSON.stringify(result)}\n`);
  } else {
    for (const { line, method, path, problems } of differences) {
      writeData(`line ${line}: ${method} ${shown(path)}: ${problems.map(shown).join('; ')}\n`);
    }
    writeData(`${calls} calls, ${differences.length} answered differently\n`);
  }
  return differences.length === 0 ? EXIT.ok : EXIT.refused;
}

async function recordingIn(file: string): Promise<Recording> {
  const { parseRecording, RecordingError } = await loadRecording();
  try {
    return parseRecording(await readFile(file, 'utf8'));
  } catch (error) {
    const isWrong = error instanceof RecordingError || (error instanceof Error && 'code' in error);
    if (!isWrong) throw error;
    throw new ClientFailure(EXIT.wrongUse, `${file}: ${error.message}`, { cause: error });
  }
}

function reasonOf(error: unknown, where: string): string {
  if (!(error instanceof Error && 'code' in error)) return String(error);
  if (error.code === 'EADDRINUSE') return `${where} is in use; --port takes another`;
  if (error.code === 'EEXIST') return `--out: ${error.message}; a recording is never overwritten`;
  return error.message;
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && [`${url.origin}`, `${url.origin}/`].includes(text))
    return url.origin;
  throw new InvalidArgumentError('must be scheme, host and port, such as https://acme.tt.omtrdc.net');
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('must be a whole number from 0 to 65535');
}
