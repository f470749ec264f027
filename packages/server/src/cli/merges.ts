/** `quiver merges` and `quiver unmerge`: what was merged, and undoing it (contract section 20). */

import { Command } from 'commander';
import type { MergeView, NamedId } from 'quiver-client';
import { kindName } from '../wire/kind-names.ts';
import { type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';
import { KIND_HELP, type KindOptions, kindsOf, withKind } from './visitor-argument.ts';

interface MergesOptions extends ConnectionOptions, KindOptions {
  readonly json?: boolean;
}

interface UnmergeOptions extends ConnectionOptions {
  readonly preview?: boolean;
  readonly json?: boolean;
}

const MERGES_EXAMPLES = `
Needs the admin token. Newest first, at most 100, from all edge clusters; the exit code is 1 when one cannot be asked. INTO is an id of the profile that stayed, FROM the ids of the one
merged into it, OVERRULED the attributes of which its values were not kept. --json also shows its attributes.

Examples:
  quiver merges crm-4711
  quiver merges --tnt 4f0c2a1e9b7d4c55a1b2c3d4e5f60718 --json
`;

const UNMERGE_EXAMPLES = `
Needs the admin token. The ids that came with the merge name a profile of their own again, with its attributes as they
were. If a merge can no longer be undone, the reason is shown and nothing changes.

Examples:
  quiver unmerge 0mifj3k5c5d1f0a9b7c2e --preview
  quiver unmerge 0mifj3k5c5d1f0a9b7c2e
`;

/** The command `merges`, to be added to the program. */
export function mergesCommand(end: End): Command {
  const command = new Command('merges')
    .description('show the merges of a profile')
    .argument('<id>', 'tntId, thirdPartyId or ECID')
    .option('--json', 'print each merge as one line of JSON');
  return withConnection(withKind(command))
    .addHelpText('after', KIND_HELP + MERGES_EXAMPLES + CONNECTION_HELP)
    .action((id: string, options: MergesOptions) => endWith(end, () => list(id, options)));
}

/** The command `unmerge`, to be added to the program. */
export function unmergeCommand(end: End): Command {
  const command = new Command('unmerge')
    .description('undo a merge')
    .argument('<merge>', 'the id of the merge, as quiver merges shows it')
    .option('--preview', 'change nothing, and show what would be changed')
    .option('--json', 'print the changes as JSON');
  return withConnection(command)
    .addHelpText('after', UNMERGE_EXAMPLES + CONNECTION_HELP)
    .action((merge: string, options: UnmergeOptions) => endWith(end, () => undo(merge, options)));
}

async function list(id: string, options: MergesOptions): Promise<ExitCode> {
  const { admin } = connect(options);
  let merges: readonly MergeView[] = [];
  const unreachable = new Set<number>();
  for (const kind of kindsOf(id, options)) {
    const found = await admin.merges(id, kindName(kind));
    for (const cluster of found.unreachable) unreachable.add(cluster);
    merges = found.merges;
    if (merges.length > 0) break;
  }
  if (merges.length === 0) writeNote(`no merge of ${shown(id)} is recorded`);
  else if (options.json) for (const merge of merges) writeData(`${JSON.stringify(merge)}\n`);
  else writeData(table([['ID', 'AT', 'INTO', 'FROM', 'OVERRULED', 'UNDONE'], ...merges.map(lineOf)]));
  if (unreachable.size === 0) return EXIT.ok;
  writeNote(`edge cluster ${[...unreachable].join(', ')} cannot be asked and may have more merges`);
  return EXIT.refused;
}

async function undo(merge: string, { preview = false, json, ...options }: UnmergeOptions): Promise<ExitCode> {
  const view = await connect(options).admin.unmerge(merge, preview);
  if (json) {
    writeData(`${JSON.stringify(view)}\n`);
    return EXIT.ok;
  }
  const { into, ids, attributes, removed } = view;
  writeData(
    table([
      [preview ? 'would separate' : 'separated', ids.map(idText).join(', ')],
      ['from', idText(into)],
      ['with attributes', namesText(attributes)],
      ['removed there', namesText(removed)],
    ]),
  );
  if (preview) writeNote('nothing was changed');
  return EXIT.ok;
}

function lineOf({ id, at, into, from, overruled, undoneAt }: MergeView): string[] {
  return [
    id,
    at,
    idText(into),
    from.map(idText).join(', '),
    namesText(overruled),
    ...(undoneAt === undefined ? [] : [undoneAt]),
  ];
}

function idText({ kind, id }: NamedId): string {
  return `${kind} ${shown(id)}`;
}

function namesText(names: readonly string[]): string {
  return names.length === 0 ? '(none)' : names.map(shown).join(', ');
}
