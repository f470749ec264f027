/**
 * `quiver import`: checks a file of profile updates, sends it and waits for the end (contract
 * section 6).
 */

import { constants } from 'node:os';
import { Command, Option } from 'commander';
import { type BatchStatus, type QuiverClient, QuiverClientError } from 'quiver-client';
import { grouped } from '../batches/batch-format.ts';
import { type BatchPart, lineInWhole, partBytes } from '../batches/split-batch.ts';
import type { BatchVersion } from '../storage/batch-store.ts';
import { expectWelcome, uploadBatch, waitForBatch } from './batch-upload.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { type BadRow, type CheckedFile, checkFile, KEPT_BAD_ROWS, summaryOf } from './import-check.ts';
import { importExport, isExport } from './import-export.ts';
import { type CsvColumns, type ImportSource, openSource } from './import-source.ts';
import { startProgress } from './progress.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

interface ImportOptions extends ConnectionOptions {
  readonly v1?: boolean;
  readonly check?: boolean;
  readonly csv?: boolean;
  readonly key?: string;
  readonly as?: CsvColumns['as'];
  readonly delimiter?: string;
}

const EXAMPLES = `
FILE is a batch: "batch=" and a header row whose first column is pcId or thirdPartyId, then a row per profile, every cell
percent-encoded. With --csv it is an ordinary table with quotes (RFC 4180) whose lines end in LF, CRLF or CR; a first
line such as "sep=;" sets the delimiter, as --delimiter does. A file over 50,000,000 bytes or 500,000 rows
is sent as several batches. Rows that cannot be read are listed and fail; the others are applied.

FILE may also be an output of "quiver export". Its profiles keep ids, times and lifetimes. This needs the admin token.

Examples:
  quiver import people.batch
  quiver import people.batch --check
  quiver import --csv people.csv --key crm_id --as thirdPartyId
  quiver import --csv excel.csv --delimiter ';' --key crm_id --as thirdPartyId
  quiver export --url http://old:8680 | quiver import - --url http://new:8680
  zcat people.batch.gz | quiver import - --url https://quiver.example.com --client acme
`;

/** The command, to be added to the program. */
export function importCommand(end: End): Command {
  const command = new Command('import')
    .description('create or update many profiles from a file')
    .argument('<file>', 'the file, - for stdin')
    .option('--check', 'only check the file')
    .option('--v1', 'only update; by default, missing profiles are created')
    .option('--csv', 'the file is a CSV table')
    .option('--key <column>', 'the column of the table with the ids')
    .option(
      '--delimiter <character>',
      'the separator between two cells of the table, tab for a tab (default: ",")',
    )
    .addOption(new Option('--as <kind>', 'what the ids are').choices(['thirdPartyId', 'pcId']));
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((file: string, options: ImportOptions) => endWith(end, () => importFile(file, options)));
}

async function importFile(file: string, options: ImportOptions): Promise<ExitCode> {
  const columns = columnsOf(options);
  const stay = leaveOnSignals();
  let source: ImportSource | undefined;
  try {
    source = await openSource(file, columns);
    if (columns === undefined && (await isExport(source))) return await importExport(source, options);
    return await importSource(source, options);
  } finally {
    await source?.close();
    stay();
  }
}

async function importSource(source: ImportSource, options: ImportOptions): Promise<ExitCode> {
  const checked = await checkFile(source);
  writeNote(summaryOf(source, checked));
  if (options.check) return report(badRowsOf(source, checked), source.refused.length + checked.badCount);
  if (checked.rows > 0) return sendAll(source, checked, options);
  writeNote('there is nothing to send');
  return report(badRowsOf(source, checked), source.refused.length);
}

/**
 * Lets a signal end the process through its exit handlers, which remove temporary files. @returns a
 * function that undoes this
 */
function leaveOnSignals(): () => void {
  const leave = (signal: NodeJS.Signals) => {
    writeNote('interrupted; accepted batches are still applied, see "quiver batch status"');
    process.exit(128 + constants.signals[signal]);
  };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  return () => process.off('SIGINT', leave).off('SIGTERM', leave);
}

function columnsOf({ csv, key, as, delimiter }: ImportOptions): CsvColumns | undefined {
  const wrong = (what: string) => new ClientFailure(EXIT.wrongUse, what);
  if (!csv) {
    if (key !== undefined || as !== undefined) throw wrong('--key and --as only work with --csv');
    if (delimiter !== undefined) throw wrong('--delimiter only works with --csv');
    return undefined;
  }
  if (key === undefined) throw wrong('--csv needs --key <column>, the column that holds the ids');
  if (as === undefined) throw wrong('--csv needs --as thirdPartyId or --as pcId');
  if (delimiter === undefined) return { key, as };
  const character = delimiter === 'tab' ? '\t' : delimiter;
  if ([...character].length !== 1 || /["\r\n\uFEFF]/.test(character)) {
    throw wrong(
      `--delimiter must be one character, no quote and no line end, or tab; not ${shown(delimiter)}`,
    );
  }
  return { key, as, delimiter: character };
}

/** The outcome of one batch. */
interface Sent {
  readonly id: string;
  readonly part: BatchPart | undefined;
  readonly counts: BatchStatus;
}

async function sendAll(
  source: ImportSource,
  checked: CheckedFile,
  options: ImportOptions,
): Promise<ExitCode> {
  const server = connect(options);
  const version: BatchVersion = options.v1 ? 'v1' : 'v2';
  await expectWelcome(server, version);
  const batches = await upload(server, version, source, checked);
  const sent = await waitForAll(server, version, batches, checked.rows);
  writeData(table(countRows(sent, version, source.refused.length)));
  const failed = [...source.refused, ...(await failedRows(server, source, checked, sent))];
  failed.sort((a, b) => a.line - b.line);
  const failedCount = sent.reduce((sum, { counts }) => sum + (counts.failed ?? 0), source.refused.length);
  const code = report(failed, failedCount);
  const stuck = sent.find(({ counts }) => counts.status !== 'complete');
  if (stuck === undefined) return code;
  throw new ClientFailure(
    EXIT.refused,
    `batch ${stuck.id} is stuck; "quiver batch status ${stuck.id}" says why`,
  );
}

async function upload(
  server: QuiverClient,
  version: BatchVersion,
  source: ImportSource,
  { header, parts, isOneBatch, bytes }: CheckedFile,
): Promise<{ id: string; part: BatchPart | undefined }[]> {
  const batches: { id: string; part: BatchPart | undefined }[] = [];
  const total = isOneBatch ? bytes : parts.reduce((sum, part) => sum + part.bytes, 0);
  const progress = startProgress({ label: 'sending', total, unit: 'bytes' });
  let before = 0;
  const counted = async function* (content: AsyncIterable<Uint8Array>) {
    let sent = 0;
    for await (const chunk of content) {
      sent += chunk.length;
      progress.at(before + sent);
      yield chunk;
    }
  };
  const notes: string[] = [];
  try {
    for (const part of isOneBatch ? [undefined] : parts) {
      // The unchanged file where possible, so that the line numbers of the server are those of the
      // file.
      const content = () =>
        counted(part === undefined ? source.read() : partBytes(header, part, source.read));
      const id = await uploadBatch(server, version, content);
      batches.push({ id, part });
      before += part?.bytes ?? bytes;
      notes.push(`accepted as ${shown(id)}`);
    }
  } finally {
    progress.stop();
    for (const note of notes) writeNote(note);
  }
  return batches;
}

async function waitForAll(
  server: QuiverClient,
  version: BatchVersion,
  batches: readonly { id: string; part: BatchPart | undefined }[],
  rows: number,
): Promise<Sent[]> {
  const sent: Sent[] = [];
  const progress = startProgress({ label: 'applying', total: rows, unit: 'rows' });
  let before = 0;
  try {
    for (const { id, part } of batches) {
      const counts = await waitForBatch(server, version, id, (consumed) => progress.at(before + consumed));
      sent.push({ id, part, counts });
      before += counts.consumed ?? 0;
      if (counts.status !== 'complete') break;
    }
  } finally {
    progress.stop();
  }
  return sent;
}

function countRows(sent: readonly Sent[], version: BatchVersion, refused: number): string[][] {
  const sum = (pick: (counts: BatchStatus) => number | undefined) =>
    sent.reduce((total, { counts }) => total + (pick(counts) ?? 0), 0);
  return [
    ...sent.map(({ id, counts }) => ['batch', `${shown(id)} ${shown(counts.status)}`]),
    ['rows', grouped(sum((counts) => counts.size) + refused)],
    ['successful', grouped(sum((counts) => counts.successful))],
    ...(version === 'v1' ? [['not found', grouped(sum((counts) => counts.notFound))]] : []),
    ['failed', grouped(sum((counts) => counts.failed) + refused)],
  ];
}

/**
 * The failed rows as the admin API lists them; if the token does not permit that, those known from
 * the check and the status.
 */
async function failedRows(
  server: QuiverClient,
  source: ImportSource,
  checked: CheckedFile,
  sent: readonly Sent[],
): Promise<BadRow[]> {
  const found: BadRow[] = [];
  try {
    for (const batch of sent) found.push(...(await failedIn(server, source, batch)));
    return found;
  } catch (error) {
    if (!(error instanceof QuiverClientError)) throw error;
    writeNote(`the server does not say why rows failed: ${error.message}`);
  }
  const unexplained = sent.flatMap(({ counts }) => counts.failedIds);
  for (const { id } of checked.badRows) {
    const place = unexplained.indexOf(id);
    if (place !== -1) unexplained.splice(place, 1);
  }
  return [...checked.badRows, ...unexplained.map((id) => ({ line: 0, id, reason: 'failed' }))];
}

async function failedIn(
  server: QuiverClient,
  source: ImportSource,
  { id, part, counts }: Sent,
): Promise<BadRow[]> {
  if (!counts.failed) return [];
  const found: BadRow[] = [];
  for await (const { line, id: rowId, reason, notFound } of server.admin.failedRows(id)) {
    if (notFound) continue;
    const wholeLine = part === undefined ? line : lineInWhole(part, line);
    found.push({ line: source.lineOf(wholeLine), id: rowId, reason });
    if (found.length >= KEPT_BAD_ROWS) break;
  }
  return found;
}

function badRowsOf(source: ImportSource, checked: CheckedFile): BadRow[] {
  return [...source.refused, ...checked.badRows].sort((a, b) => a.line - b.line);
}

/** Lists the first bad rows. @returns the resulting exit code */
function report(rows: readonly BadRow[], count: number): ExitCode {
  const named = rows.slice(0, KEPT_BAD_ROWS);
  writeData(
    table(
      named.map(({ line, id, reason }) => [
        line === 0 ? 'line ?' : `line ${line}`,
        shown(id) || '-',
        shown(reason),
      ]),
    ),
  );
  if (count > named.length) writeNote(`and ${grouped(count - named.length)} more`);
  return count === 0 ? EXIT.ok : EXIT.rowsFailed;
}
