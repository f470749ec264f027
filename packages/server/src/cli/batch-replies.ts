/** What the admin routes say of batches (contract sections 6 and 9). */

import { parseReply, refusedBy, type ServerConnection } from './server-connection.ts';

export interface BatchView {
  readonly id: string;
  readonly version: 'v1' | 'v2';
  readonly state: 'waiting' | 'running' | 'complete' | 'stuck';
  readonly rows: number;
  readonly consumed: number;
  readonly successful: number;
  readonly notFound: number;
  readonly failed: number;
  readonly acceptedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Why it is stuck. */
  readonly reason: string | null;
}

export interface FailedRowView {
  /** The line of the batch as it was sent; its first is 1. */
  readonly line: number;
  readonly id: string;
  readonly reason: string;
  /** Whether it is a row of a v1 batch whose profile is not there. */
  readonly notFound: boolean;
}

interface FailuresPage {
  readonly failures: readonly FailedRowView[];
  /** Where the next page begins; absent on the last. */
  readonly nextLine?: number;
}

/** The path of one batch, or of all. */
export function batchPath(server: ServerConnection, id?: string): string {
  const all = `/${encodeURIComponent(server.client)}/target/batches`;
  return id === undefined ? all : `${all}/${encodeURIComponent(id)}`;
}

/** The failed rows of a batch, page by page. @throws ClientFailure when the server refuses */
export async function* failedRowsOf(
  server: ServerConnection,
  id: string,
): AsyncGenerator<readonly FailedRowView[], void, undefined> {
  for (let fromLine: number | undefined = 1; fromLine !== undefined; ) {
    const query = { fromLine: String(fromLine) };
    const reply = await server.send(`${batchPath(server, id)}/failures`, { query });
    if (reply.status !== 200) throw refusedBy(reply);
    const page: FailuresPage = parseReply<FailuresPage>(reply, 'failures');
    yield page.failures;
    fromLine = page.nextLine;
  }
}
