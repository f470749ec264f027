/**
 * The file format of a recording: a line of JSON that identifies it, then one line per call, in the
 * order of their replies.
 */

import { isJsonObject } from '../wire/json.ts';

const FORMAT = 1;

export interface RecordingHead {
  readonly quiverRecording: typeof FORMAT;
  /** Where the calls went: scheme, host, port. */
  readonly upstream: string;
  /** When it started; ISO 8601. */
  readonly startedAt: string;
  readonly redacted: { readonly ids: boolean; readonly values: boolean };
}

export interface RecordedCall {
  /** When the call came; ISO 8601. */
  readonly at: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly contentType?: string;
  /** Whether it had a token, which is not stored. */
  readonly hadToken?: true;
  readonly body?: string;
  readonly status: number;
  readonly reply: string;
  readonly ms: number;
}

export interface Recording {
  readonly head: RecordingHead;
  /** Each with its line in the file. */
  readonly calls: readonly { readonly line: number; readonly call: RecordedCall }[];
}

export function recordingHead(upstream: string, redacted: RecordingHead['redacted']): RecordingHead {
  return { quiverRecording: FORMAT, upstream, startedAt: new Date().toISOString(), redacted };
}

/** The error for a file that is not a recording. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/**
 * Parses a recording.
 * @throws RecordingError naming the line and the rule
 */
export function parseRecording(text: string): Recording {
  const lines = text.split('\n');
  const [first = '', ...others] = lines;
  const head = lineOf(first, 1);
  if (head.quiverRecording !== FORMAT) {
    throw new RecordingError(`line 1: quiverRecording: must be ${FORMAT}; is this a file of quiver record?`);
  }
  requireText(head, 1, 'upstream', 'startedAt');
  const calls = others.flatMap((line, index) => {
    if (line.trim() === '') return [];
    const number = index + 2;
    const call = lineOf(line, number);
    requireText(call, number, 'at', 'method', 'target', 'reply');
    if (typeof call.status !== 'number') throw new RecordingError(`line ${number}: status: must be a number`);
    if (Number.isNaN(Date.parse(String(call.at))))
      throw new RecordingError(`line ${number}: at: must be a time`);
    return [{ line: number, call: call as unknown as RecordedCall }];
  });
  return { head: head as unknown as RecordingHead, calls };
}

function lineOf(line: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (isJsonObject(value)) return value;
  } catch {
    // Reported below.
  }
  throw new RecordingError(`line ${number}: must be a JSON object`);
}

function requireText(value: Record<string, unknown>, line: number, ...members: readonly string[]): void {
  for (const member of members) {
    if (typeof value[member] !== 'string')
      throw new RecordingError(`line ${line}: ${member}: must be a string`);
  }
}
