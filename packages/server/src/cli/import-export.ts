/** `quiver import` of a file that `quiver export` has written (contract section 21). */

import { grouped } from '../batches/batch-format.ts';
import { streamOf } from './batch-upload.ts';
import { ClientFailure, EXIT, type ExitCode } from './client-failure.ts';
import type { ImportSource } from './import-source.ts';
import { type ConnectionOptions, connect } from './server-connection.ts';
import { table, writeData } from './terminal-text.ts';

const START = '{"quiverExport":';

/** Whether a file is an export, judged by its first bytes. */
export async function isExport(source: ImportSource): Promise<boolean> {
  let start = '';
  for await (const chunk of source.read(0, START.length)) start += Buffer.from(chunk).toString('latin1');
  return start === START;
}

/** Sends an export and reports the result. */
export async function importExport(
  source: ImportSource,
  options: ConnectionOptions & { readonly v1?: boolean; readonly check?: boolean },
): Promise<ExitCode> {
  if (options.v1 || options.check) {
    throw new ClientFailure(EXIT.wrongUse, '--v1 and --check only work with a batch; this file is an export');
  }
  const counts = await connect(options).admin.importProfiles(() => streamOf(source.read()), { retries: 0 });
  writeData(
    table([
      ['profiles', grouped(counts.profiles)],
      ['imported', grouped(counts.imported)],
      ['expired', grouped(counts.expired)],
      ['suppressed', grouped(counts.suppressed)],
    ]),
  );
  return EXIT.ok;
}
