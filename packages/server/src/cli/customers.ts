/** `quiver customers`: files of customer attributes, and their sources (contract section 17). */

import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { BatchView, CustomerSourceView, QuiverClient } from 'quiver-client';
import { grouped } from '../batches/batch-format.ts';
import { SOURCE_IDS } from '../domain/customer-attributes.ts';
import { streamOf } from './batch-upload.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { cannotRead } from './import-source.ts';
import {
  CONNECTION_HELP,
  type ConnectionOptions,
  connect,
  ReplyText,
  withConnection,
} from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

type UploadOptions = ConnectionOptions & {
  readonly ids?: CustomerSourceView['ids'];
  readonly wait?: boolean;
};
type ListOptions = ConnectionOptions & { readonly json?: boolean };

const ADMIN = '\nNeeds the admin token.\n';
const POLL_MS = 300;

const UPLOAD_EXAMPLES = `
A CSV file, plain, gzipped or zipped. The first row has the headers, the first column the customers' ids. A cell with a comma, a
quote or a line break must be quoted; a quote within it is written \\". An empty cell removes the attribute.
The exit code is 3 when a row failed; see quiver batch failures.

Examples:
  quiver customers upload crm customers.csv
  quiver customers upload loyalty members.csv.gz --ids thirdPartyId
  export-customers | quiver customers upload crm -
`;

const LIST_EXAMPLES = `
Examples:
  quiver customers list
  quiver customers list --json
`;

/** The command with its subcommands, to be added to the program. */
export function customersCommand(end: End): Command {
  const upload = new Command('upload')
    .description('upload a file of customer attributes and wait until it is applied')
    .argument('<source>', 'the alias of the ids: 1 to 50 characters, no dot')
    .argument('<file>', 'CSV, also gzipped or zipped, - for stdin')
    .addOption(
      new Option(
        '--ids <kind>',
        'what the first column contains; only for the first upload, customerId by default',
      ).choices(SOURCE_IDS),
    )
    .option('--no-wait', 'return once the server has stored the file')
    .addHelpText('after', ADMIN + UPLOAD_EXAMPLES + CONNECTION_HELP)
    .action((source: string, file: string, options: UploadOptions) =>
      endWith(end, () => uploadFile(source, file, options)),
    );
  const list = new Command('list')
    .description('show the sources of customer attributes')
    .option('--json', 'print the unchanged reply of the server')
    .addHelpText('after', ADMIN + LIST_EXAMPLES + CONNECTION_HELP)
    .action((options: ListOptions) => endWith(end, () => listSources(options)));
  const command = new Command('customers').description('files of customer attributes, and their sources');
  for (const part of [upload, list]) command.addCommand(withConnection(part));
  return command;
}

async function uploadFile(
  source: string,
  file: string,
  { ids, wait, ...options }: UploadOptions,
): Promise<ExitCode> {
  if (file !== '-') await requireReadable(file);
  const server = connect(options);
  const content = () => streamOf(file === '-' ? process.stdin : createReadStream(file));
  // Standard input can only be read once.
  const body = file === '-' ? content() : content;
  const accepted = await server.admin.uploadCustomerAttributes(source, body, ids);
  writeNote(`${grouped(accepted.rows)} rows of ${shown(source)} are on disk: batch ${accepted.batchId}`);
  if (wait === false) return EXIT.ok;
  const batch = await ended(server, accepted.batchId);
  if (batch.state === 'stuck') {
    throw new ClientFailure(EXIT.refused, `the batch is stuck: ${shown(batch.reason ?? '')}`);
  }
  writeData(`${grouped(batch.successful)} applied, ${grouped(batch.failed)} failed\n`);
  if (batch.failed > 0) writeNote(`see: quiver batch failures ${batch.id}`);
  return batch.failed > 0 ? EXIT.rowsFailed : EXIT.ok;
}

/** @throws ClientFailure `wrongUse` when the file cannot be read; nothing has been sent then */
async function requireReadable(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (cause) {
    throw cannotRead(file, cause);
  }
}

async function ended({ admin }: QuiverClient, id: string): Promise<BatchView> {
  for (;;) {
    const batch = await admin.batch(id);
    if (batch === undefined) throw new ClientFailure(EXIT.refused, `the server does not know batch ${id}`);
    if (batch.state === 'complete' || batch.state === 'stuck') return batch;
    await setTimeout(POLL_MS);
  }
}

async function listSources(options: ListOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const sources = await connect(options).admin.customerSources(reply);
  if (options.json) writeData(`${reply.text}\n`);
  else if (sources.length === 0) writeNote('no sources');
  else writeData(table([LIST_HEAD, ...sources.map(listRow)]));
  return EXIT.ok;
}

const LIST_HEAD = ['source', 'ids', 'attributes', 'uploaded'];

function listRow({ source, ids, attributes, uploadedAt }: CustomerSourceView): string[] {
  return [shown(source), ids, shown(attributes.join(', ')), uploadedAt];
}
