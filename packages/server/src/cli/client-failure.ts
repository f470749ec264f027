/** How a client command reports failure. */

import { QuiverArgumentError, QuiverClientError } from 'quiver-client';
import { proxyFor } from '../config/proxies.ts';
import { QuiverError } from '../errors.ts';

/** The exit codes of the commands that call a running server. */
export const EXIT = {
  ok: 0,
  /** The server refused: nothing found, not allowed, or a batch is stuck. */
  refused: 1,
  /** Wrong use, or a file that cannot be sent. */
  wrongUse: 2,
  rowsFailed: 3,
  unreachable: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with one line for the user, and an exit code. */
export class ClientFailure extends Error {
  override readonly name = 'ClientFailure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Receives the exit code of a command. */
export type End = (exitCode: number) => void;

/** Runs a command; a failure becomes one line on stderr and an exit code. */
export async function endWith(end: End, run: () => Promise<ExitCode>): Promise<void> {
  try {
    end(await run());
  } catch (error) {
    const failure = asClientFailure(error);
    if (failure === undefined) throw error;
    process.stderr.write(`quiver: ${failure.message}\n`);
    end(failure.exitCode);
  }
}

function asClientFailure(error: unknown): ClientFailure | undefined {
  if (error instanceof ClientFailure) return error;
  if (error instanceof QuiverClientError) return failureOf(error);
  if (error instanceof QuiverArgumentError) return new ClientFailure(EXIT.wrongUse, error.message);
  // The rules of the batch format throw the server's errors for files as well.
  if (error instanceof QuiverError) return new ClientFailure(EXIT.wrongUse, error.message);
  return undefined;
}

/** The failure for a call that the server refused or did not answer. */
function failureOf(error: QuiverClientError): ClientFailure {
  const { kind, status } = error;
  const message = error.message + wayTo(error.url);
  if (kind === 'refused') {
    return new ClientFailure(EXIT.refused, `the server refused (${status}): ${message}`, { cause: error });
  }
  const exitCode = kind === 'unexpected' ? EXIT.refused : EXIT.unreachable;
  return new ClientFailure(exitCode, message, { cause: error });
}

/** Names the proxy of a failed call, because the proxy may be the cause. */
function wayTo(url: string): string {
  const proxy = url === '' ? undefined : proxyFor(url);
  return proxy === undefined ? '' : ` (through the proxy ${proxy.url} of ${proxy.variable})`;
}
