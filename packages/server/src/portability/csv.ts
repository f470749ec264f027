/** Profiles as a table (RFC 4180), for programs that read tables (contract section 21). */

import { listAttributes } from '../domain/attributes.ts';
import type { IdKind } from '../domain/visitor-id.ts';
import type { ExportedProfile } from '../storage/profile-lists.ts';
import { timeText } from '../wire/time-text.ts';

const ID_COLUMNS: readonly (readonly [IdKind, string])[] = [
  ['thirdPartyId', 'thirdPartyId'],
  ['customerId', 'customerIds'],
  ['ecid', 'marketingCloudVisitorIds'],
  ['tntId', 'tntIds'],
];

/**
 * The header row.
 * @param names of the attributes with a column
 */
export function csvHeader(names: readonly string[]): string {
  const columns = [...ID_COLUMNS.map(([, column]) => column), 'modifiedAt', 'expiresAt', 'position'];
  return row([...columns, ...names, 'otherAttributes']);
}

/** The row of a profile. */
export function csvRow({ profile, ids, position }: ExportedProfile, names: readonly string[]): string {
  const values = new Map(listAttributes(profile.attributes).map(({ name, value }) => [name, value]));
  const cells = ID_COLUMNS.map(([kind]) =>
    ids
      .filter((id) => id.kind === kind)
      .map(({ value }) => value)
      .join(' '),
  );
  cells.push(timeText(profile.modifiedAt), timeText(profile.expiresAt), position);
  for (const name of names) {
    cells.push(values.get(name) ?? '');
    values.delete(name);
  }
  const others = [...values].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  cells.push(others.length === 0 ? '' : `{${others.join(',')}}`);
  return row(cells);
}

function row(cells: readonly string[]): string {
  return `${cells.map(quoted).join(',')}\r\n`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) || cell !== cell.trim() ? `"${cell.replaceAll('"', '""')}"` : cell;
}
