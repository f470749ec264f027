/** `quiver edges`: the edge clusters as the asked server sees them (contract section 8). */

import { Command } from 'commander';
import { type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import {
  CONNECTION_HELP,
  type ConnectionOptions,
  parseReply,
  refusedBy,
  ServerConnection,
  withConnection,
} from './server-connection.ts';
import { shown, table, writeData } from './terminal-text.ts';

type EdgesOptions = ConnectionOptions & { readonly json?: boolean };

interface Edge {
  readonly cluster: number;
  readonly url: string | null;
  readonly reachable: boolean;
  readonly roundTripMs: number | null;
  readonly profiles: number | null;
  readonly version: string | null;
  readonly problem: string | null;
}

const EXAMPLES = `
Needs the admin token. The server that is asked comes first; round trips are from there. Exit code 1 when one cannot be reached.

Examples:
  quiver edges
  quiver edges --url https://eu.example.com --json
`;

/** The command, to be added to the program. */
export function edgesCommand(end: End): Command {
  const command = new Command('edges')
    .description('show the edge clusters: which answer, how fast, how many profiles')
    .option('--json', 'the reply of the server as it is');
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: EdgesOptions) => endWith(end, () => showEdges(options)));
}

async function showEdges(options: EdgesOptions): Promise<ExitCode> {
  const server = new ServerConnection(options);
  const reply = await server.send(`/${encodeURIComponent(server.client)}/target/edges`);
  if (reply.status !== 200) throw refusedBy(reply);
  const { edges } = parseReply<{ edges: Edge[] }>(reply, 'edges');
  writeData(options.json ? `${reply.text}\n` : table([HEAD, ...edges.map(lineOf)]));
  return edges.every(({ reachable }) => reachable) ? EXIT.ok : EXIT.refused;
}

const HEAD = ['CLUSTER', 'ROUND TRIP', 'PROFILES', 'VERSION', 'WHERE'];

function lineOf({ cluster, url, reachable, roundTripMs, profiles, version, problem }: Edge): string[] {
  const where = url === null ? 'the one asked' : shown(url);
  if (!reachable) return [String(cluster), '-', '-', '-', `${where}: ${shown(problem ?? 'no answer')}`];
  const roundTrip = url === null ? '-' : `${roundTripMs} ms`;
  return [String(cluster), roundTrip, String(profiles), shown(version ?? ''), where];
}
