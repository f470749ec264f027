/** `quiver batch`: the status of uploaded batches (contract sections 6 and 9). */

import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { Command } from 'commander';
import {
  type BatchView,
  type FailedRow,
  messageOf,
  type QuiverClient,
  QuiverClientError,
} from 'quiver-client';
import { grouped } from '../batches/batch-format.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import {
  CONNECTION_HELP,
  type ConnectionOptions,
  connect,
  ReplyText,
  withConnection,
} from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

type StatusOptions = ConnectionOptions & { readonly json?: boolean };
type FailuresOptions = ConnectionOptions & { readonly json?: boolean; readonly file?: string };

const ADMIN = '\nNeeds the admin token.\n';

const STATUS_EXAMPLES = `
Examples:
  quiver batch status
  quiver batch status demo-1701473848678-13029383 --json
`;

const FAILURES_EXAMPLES = `
Examples:
  quiver batch failures demo-1701473848678-13029383
  quiver batch failures demo-1701473848678-13029383 --file failed.batch   # fix it, then
  quiver import failed.batch
`;

const RETRY_EXAMPLES = `
Examples:
  quiver batch retry demo-1701473848678-13029383
`;

/** The command with its subcommands, to be added to the program. */
export function batchCommand(end: End): Command {
  const status = new Command('status')
    .description('show the status of one batch, or of the latest ones')
    .argument('[id]', 'batch id')
    .option('--json', 'print the unchanged reply of the server')
    .addHelpText('after', ADMIN + STATUS_EXAMPLES + CONNECTION_HELP)
    .action((id: string | undefined, options: StatusOptions) => endWith(end, () => showStatus(id, options)));
  const failures = new Command('failures')
    .description('show the failed rows of a batch: line, id and reason')
    .argument('<id>', 'batch id')
    .option('--json', 'print one JSON object per row')
    .option('--file <path>', 'write them as a batch that can be sent again; - for stdout')
    .addHelpText('after', ADMIN + FAILURES_EXAMPLES + CONNECTION_HELP)
    .action((id: string, options: FailuresOptions) => endWith(end, () => showFailures(id, options)));
  const retry = new Command('retry')
    .description('resume a stuck batch where it stopped')
    .argument('<id>', 'batch id')
    .addHelpText('after', ADMIN + RETRY_EXAMPLES + CONNECTION_HELP)
    .action((id: string, options: ConnectionOptions) => endWith(end, () => retryBatch(id, options)));
  const command = new Command('batch').description('show and retry uploaded batches');
  for (const part of [status, failures, retry]) command.addCommand(withConnection(part));
  return command;
}

async function showStatus(id: string | undefined, options: StatusOptions): Promise<ExitCode> {
  const { admin } = connect(options);
  const reply = new ReplyText();
  if (id === undefined) {
    const batches = await admin.batches(reply);
    if (options.json) writeData(`${reply.text}\n`);
    else writeData(batches.length === 0 ? '' : table([LIST_HEAD, ...batches.map(listRow)]));
    if (!options.json && batches.length === 0) writeNote('no batches');
    return EXIT.ok;
  }
  const batch = await admin.batch(id, reply);
  if (batch === undefined) {
    throw new ClientFailure(EXIT.refused, `the server refused (404): ${messageOf(reply.text)}`);
  }
  writeData(options.json ? `${reply.text}\n` : table(statusRows(batch)));
  return EXIT.ok;
}

const LIST_HEAD = ['batch', 'state', 'consumed', 'rows', 'failed', 'accepted'];

function listRow(batch: BatchView): string[] {
  const { id, state, consumed, rows, failed, acceptedAt } = batch;
  return [shown(id), state, grouped(consumed), grouped(rows), grouped(failed), acceptedAt];
}

function statusRows(batch: BatchView): string[][] {
  const { id, version, state, reason, rows, consumed, successful, notFound, failed } = batch;
  return [
    ['batch', shown(id)],
    ['version', version],
    ['state', reason === null ? state : `${state}: ${shown(reason)}`],
    ['rows', grouped(rows)],
    ['consumed', grouped(consumed)],
    ['successful', grouped(successful)],
    ...(version === 'v1' ? [['not found', grouped(notFound)]] : []),
    ['failed', grouped(failed)],
    ['accepted', batch.acceptedAt],
    ['started', batch.startedAt ?? '-'],
    ['finished', batch.finishedAt ?? '-'],
  ];
}

async function showFailures(id: string, options: FailuresOptions): Promise<ExitCode> {
  const server = connect(options);
  if (options.file !== undefined) return saveFailures(server, id, options.file);
  for (let line: number | undefined = 1; line !== undefined; ) {
    const { failures, nextLine } = await server.admin.failures(id, line);
    writeData(
      options.json
        ? failures.map((row) => `${JSON.stringify(row)}\n`).join('')
        : table(failures.map(failureRow)),
    );
    line = nextLine;
  }
  return EXIT.ok;
}

function failureRow({ line, id, reason }: FailedRow): string[] {
  return [`line ${grouped(line)}`, shown(id) || '-', shown(reason)];
}

async function saveFailures({ admin }: QuiverClient, id: string, path: string): Promise<ExitCode> {
  const body = Readable.fromWeb((await admin.failuresFile(id)) as NodeReadableStream);
  if (path === '-') {
    await pipeline(body, process.stdout, { end: false });
    return EXIT.ok;
  }
  try {
    await pipeline(body, createWriteStream(path));
  } catch (cause) {
    throw new ClientFailure(EXIT.wrongUse, `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
  writeNote(`written to ${path}`);
  return EXIT.ok;
}

async function retryBatch(id: string, options: ConnectionOptions): Promise<ExitCode> {
  try {
    await connect(options).admin.retryBatch(id);
  } catch (error) {
    // If the batch is not stuck, only the server's own message is shown.
    if (!(error instanceof QuiverClientError) || error.status !== 400) throw error;
    throw new ClientFailure(EXIT.refused, error.message, { cause: error });
  }
  writeNote(`batch ${shown(id)} resumes`);
  return EXIT.ok;
}
