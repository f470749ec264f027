/** `quiver export`: every profile of a client, to a file or to stdout (contract section 21). */

import { createWriteStream } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { QuiverClientError } from 'quiver-client';
import { grouped } from '../batches/batch-format.ts';
import { LF } from '../wire/line-feed.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { writeNote } from './terminal-text.ts';

interface ExportOptions extends ConnectionOptions {
  readonly format: 'ndjson' | 'csv';
}

const EXAMPLES = `
Needs the admin token. The embedded store is copied first, so the export shows it at that moment. NDJSON can be
imported again, and is resumed when the connection breaks; CSV is for programs that read tables. Each edge cluster has
its own profiles.

Examples:
  quiver export people.ndjson
  quiver export --format csv people.csv
  quiver export | gzip > people.ndjson.gz
  quiver export --url http://old:8680 | quiver import - --url http://new:8680
`;

/** How often an export is resumed after a broken connection without receiving a line in between. */
const MOST_TRIES = 5;
const PAUSE_MS = 500;

/** The command, to be added to the program. */
export function exportCommand(end: End): Command {
  const command = new Command('export')
    .description('write all profiles of a client to a file')
    .argument('[file]', 'the file to write; stdout by default')
    .addOption(new Option('--format <format>', 'what to write').choices(['ndjson', 'csv']).default('ndjson'));
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((file: string | undefined, options: ExportOptions) =>
      endWith(end, () => exportAll(file, options)),
    );
}

async function exportAll(file: string | undefined, options: ExportOptions): Promise<ExitCode> {
  const { admin } = connect(options);
  const output = await outputTo(file);
  let from: { snapshot: string; after: string | undefined } | undefined;
  let lines = 0;
  let isWhole = false;
  for (let tries = 0; !isWhole; ) {
    try {
      const { snapshot, body } = await admin.exportProfiles(options.format, from);
      from ??= { snapshot, after: undefined };
      for await (const whole of options.format === 'csv' ? body : wholeLines(body)) {
        await output.write(whole);
        lines += countLines(whole);
        if (options.format === 'csv') continue;
        const last = lastLine(whole);
        if (last.end === true) isWhole = true;
        if (typeof last.position === 'string') from.after = last.position;
        tries = 0;
      }
      if (options.format === 'csv') isWhole = true;
      else if (!isWhole) throw new Error('the last line is missing');
    } catch (error) {
      tries += 1;
      const mayGoOn =
        options.format === 'ndjson' && from?.after !== undefined && !isRefusal(error) && tries <= MOST_TRIES;
      if (!mayGoOn) throw asFailure(error, file);
      writeNote('the connection broke; resuming the export after the last complete line');
      await pause(PAUSE_MS);
    }
  }
  await output.end();
  const beside = options.format === 'csv' ? 1 : 2;
  writeNote(`${grouped(Math.max(0, lines - beside))} profiles`);
  return EXIT.ok;
}

function isRefusal(error: unknown): boolean {
  return error instanceof QuiverClientError && error.kind === 'refused' && error.status !== 503;
}

function asFailure(error: unknown, file: string | undefined): unknown {
  if (error instanceof QuiverClientError || error instanceof ClientFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const isOutput = code === 'ENOSPC' || code === 'EACCES' || code === 'ENOENT' || code === 'EISDIR';
  return new ClientFailure(
    isOutput ? EXIT.wrongUse : EXIT.unreachable,
    isOutput ? `cannot write ${file ?? 'stdout'}: ${message}` : `the export was cut short: ${message}`,
    { cause: error },
  );
}

/** Chunks of a stream that end at a line end; text after the last line end is dropped. */
async function* wholeLines(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let open: Buffer = Buffer.alloc(0);
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    const bytes = Buffer.concat([open, chunk]);
    const end = bytes.lastIndexOf(LF) + 1;
    if (end > 0) yield bytes.subarray(0, end);
    open = bytes.subarray(end);
  }
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LF) lines += 1;
  return lines;
}

/** The last line that has a position or marks the end. */
function lastLine(bytes: Uint8Array): { readonly end?: unknown; readonly position?: unknown } {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength - 1);
  return JSON.parse(text.subarray(text.lastIndexOf(LF) + 1).toString()) as object;
}

interface Output {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

async function outputTo(file: string | undefined): Promise<Output> {
  const stream = file === undefined ? process.stdout : createWriteStream(file, { mode: 0o600 });
  let failed: Error | undefined;
  if (file !== undefined) {
    stream.on('error', (error) => {
      failed = error;
    });
  }
  const done = (run: (after: (error?: Error | null) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      run((error) => (error || failed ? reject((error ?? failed) as Error) : resolve()));
    });
  return {
    write: (bytes) => done((after) => stream.write(bytes, after)),
    end: () => (file === undefined ? Promise.resolve() : done((after) => stream.end(after))),
  };
}
