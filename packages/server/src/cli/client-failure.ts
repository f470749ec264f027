/** How a client command ends when it does not end well. */

import { QuiverArgumentError, QuiverClientError } from 'quiver-client';
import { proxyFor } from '../config/proxies.ts';
import { QuiverError } from '../errors.ts';

/** The exit codes of the commands that talk to a running server. */
export const EXIT = {
  ok: 0,
  /** The server said no: nothing found, not allowed, a batch is stuck. */
  refused: 1,
  /** Wrong use, or a file that cannot be sent. */
  wrongUse: 2,
  rowsFailed: 3,
  unreachable: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with one line for the person who gave it, and an exit code. */
export class ClientFailure extends Error {
  override readonly name = 'ClientFailure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Tells the program which exit code a command came to. */
export type End = (exitCode: number) => void;

/** Runs what a command does; a failure becomes one line on stderr and its exit code. */
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
  // The rules of the batch format speak of files as the server does.
  if (error instanceof QuiverError) return new ClientFailure(EXIT.wrongUse, error.message);
  return undefined;
}

/** What the server, or its absence, made of a call. */
function failureOf(error: QuiverClientError): ClientFailure {
  const { kind, status } = error;
  const message = error.message + wayTo(error.url);
  if (kind === 'refused') {
    return new ClientFailure(EXIT.refused, `the server refused (${status}): ${message}`, { cause: error });
  }
  const exitCode = kind === 'unexpected' ? EXIT.refused : EXIT.unreachable;
  return new ClientFailure(exitCode, message, { cause: error });
}

/** Behind what failed: the proxy that it went through, for it may be what failed. */
function wayTo(url: string): string {
  const proxy = url === '' ? undefined : proxyFor(url);
  return proxy === undefined ? '' : ` (through the proxy ${proxy.url} of ${proxy.variable})`;
}
