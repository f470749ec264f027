/** `quiver edges`: the edge clusters as the called server sees them (contract section 8). */

import { Command } from 'commander';
import type { EdgeView } from 'quiver-client';
import { grouped } from '../batches/batch-format.ts';
import { type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import {
  CONNECTION_HELP,
  type ConnectionOptions,
  connect,
  ReplyText,
  withConnection,
} from './server-connection.ts';
import { shown, table, writeData } from './terminal-text.ts';

type EdgesOptions = ConnectionOptions & { readonly json?: boolean };

const EXAMPLES = `
Needs the admin token. The called server comes first; round trips are measured from there. The exit code is 1 when one cannot be reached.

Examples:
  quiver edges
  quiver edges --url https://eu.example.com --json
`;

/** The command, to be added to the program. */
export function edgesCommand(end: End): Command {
  const command = new Command('edges')
    .description('show the edge clusters: whether they answer, how fast, and how many profiles they have')
    .option('--json', 'print the unchanged reply of the server');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: EdgesOptions) => endWith(end, () => showEdges(options)));
}

async function showEdges(options: EdgesOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const edges = await connect(options).admin.edges(reply);
  writeData(options.json ? `${reply.text}\n` : table([HEAD, ...edges.map(lineOf)]));
  return edges.every(({ reachable }) => reachable) ? EXIT.ok : EXIT.refused;
}

const HEAD = ['CLUSTER', 'ROUND TRIP', 'PROFILES', 'VERSION', 'WHERE'];

function lineOf({ cluster, url, reachable, roundTripMs, profiles, version, problem }: EdgeView): string[] {
  const where = url === null ? 'this one' : shown(url);
  if (!reachable) return [String(cluster), '-', '-', '-', `${where}: ${shown(problem ?? 'no answer')}`];
  const roundTrip = url === null ? '-' : `${roundTripMs} ms`;
  return [String(cluster), roundTrip, grouped(profiles ?? 0), shown(version ?? ''), where];
}
