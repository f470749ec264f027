/**
 * Removes persons from batches (contract section 22): from lists of failed rows, and from files.
 */

import { type IdKind, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import type { BatchFileStore } from '../storage/batch-file-store.ts';
import type { Batch, BatchStore } from '../storage/batch-store.ts';
import type { BatchRow } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { readCustomerHeader, readCustomerSteps } from './customer-steps.ts';

export interface ForgetInBatchesParts {
  readonly batches: BatchStore;
  readonly files: BatchFileStore;
}

const MOST_BATCHES = 10_000;
const PAGE = 1000;

/**
 * Removes failed rows that name one of the ids, and the files of completed batches with such rows.
 *
 * @returns in words, the batches with such rows that have not been applied yet; these rows will be
 *   left out
 */
export async function forgetInBatches(
  { batches, files }: ForgetInBatchesParts,
  client: string,
  ids: readonly VisitorId[],
): Promise<string[]> {
  const wanted = new Set(ids.map(({ kind, value }) => `${kind} ${value}`));
  const isOne = (id: VisitorId) => wanted.has(`${id.kind} ${id.value}`);
  const withFiles = new Set(await files.ids());
  const waitingFor: string[] = [];
  for (const batch of await batches.list(client, MOST_BATCHES)) {
    const isInFile = withFiles.has(batch.id) && (await hasRows(files, batch, isOne));
    await dropFailures(batches, batch, isOne);
    if (!isInFile) continue;
    if (batch.state === 'complete') await files.remove(batch.id);
    else waitingFor.push(`batch ${batch.id} is ${batch.state}`);
  }
  return waitingFor;
}

async function dropFailures(
  batches: BatchStore,
  { client, id }: Batch,
  isOne: (id: VisitorId) => boolean,
): Promise<void> {
  for (let fromLine = 1; ; ) {
    const page = await batches.failures(client, id, fromLine, PAGE);
    const lines = page
      .filter(({ id: rawId }) => namesAny('tntId', rawId, isOne) || namesAny('thirdPartyId', rawId, isOne))
      .map(({ line }) => line);
    if (lines.length > 0) await batches.dropFailures(client, id, lines);
    if (page.length < PAGE) return;
    fromLine = page.at(-1)!.line + 1;
  }
}

/** Whether a file has a row with one of the ids. */
async function hasRows(
  files: BatchFileStore,
  batch: Batch,
  isOne: (id: VisitorId) => boolean,
): Promise<boolean> {
  if (batch.source !== undefined) return hasCustomerRows(files, batch, isOne);
  const reader = new BatchReader();
  const isHis = (row: BatchRow) => {
    if (row.kind === 'update') return isOne(row.id);
    const kind = reader.header?.key === 'thirdPartyId' ? 'thirdPartyId' : 'tntId';
    return row.kind === 'failed' && namesAny(kind, row.rawId, isOne);
  };
  for await (const chunk of files.readFrom(batch.id, 0)) if (reader.push(chunk).some(isHis)) return true;
  return reader.end().some(isHis);
}

async function hasCustomerRows(
  files: BatchFileStore,
  { id }: Batch,
  isOne: (id: VisitorId) => boolean,
): Promise<boolean> {
  const { header, end } = await readCustomerHeader(files.readFrom(id, 0));
  const options = { rowsPerStep: PAGE, now: () => 0, header, cursor: end };
  for await (const { updates, failures } of readCustomerSteps(files.readFrom(id, end.offset), options)) {
    for (const row of updates) if (isOne(row.id)) return true;
    if (failures.some(({ rawId }) => namesAny(updates.kind, rawId, isOne))) return true;
  }
  return false;
}

/** Whether a cell of a file names one of some ids. */
export function namesAny(kind: IdKind, rawId: string, isOne: (id: VisitorId) => boolean): boolean {
  let value: string;
  try {
    value = decodeURIComponent(rawId.trim().replaceAll('+', ' '));
  } catch {
    return false;
  }
  return isOne(kind === 'tntId' ? parseTntId(value).id : { kind, value });
}
