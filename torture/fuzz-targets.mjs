/**
 * The parsers that receive data from the network, each as a function of bytes. It returns the
 * outcome in a word or two, by which the fuzzer recognizes new kinds of input, and throws only when
 * the parser did something that it must never do.
 */

import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { built } from './quiver-process.mjs';

const UNPACKED_AT_MOST = 1_000_000;

/** Runs a parser. Its own kind of refusal is a valid outcome; any other error is not. */
function outcomeOf(parse) {
  try {
    return parse();
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error) {
  if (error?.name !== 'QuiverError' || error.status >= 500) throw error;
  return `${error.code}: ${error.message.replaceAll(/[^a-z ]+/gi, '').slice(0, 40)}`;
}

function must(condition, what) {
  if (!condition) throw new Error(what);
}

/** Ids in a path: cut out of a target, decoded, validated. */
async function ids() {
  const { decodeSegment, rawPathOf, rawQueryOf } = await built('wire/target.js');
  const { ID_KINDS, idProblem, parseTntId } = await built('domain/visitor-id.js');
  const { idKey, parseKey } = await built('storage/lmdb/lmdb-keys.js');
  return (bytes) =>
    outcomeOf(() => {
      const url = `http://localhost/rest/v1/profiles/${bytes.toString('latin1')}`;
      rawQueryOf(url);
      const text = decodeSegment(rawPathOf(url).split('/').at(-1), 'id');
      const problems = ID_KINDS.map((kind) => {
        const problem = idProblem(kind, text);
        if (problem === undefined) {
          const id = kind === 'tntId' ? parseTntId(text).id : { kind, value: text };
          const key = idKey('demo', id);
          must(key.length < 1978, 'a key that the engine refuses');
          must(
            isDeepStrictEqual(parseKey(key), { client: 'demo', id }),
            'an id that does not come back from its key',
          );
        }
        return problem ?? 'good';
      });
      return problems.join(' | ');
    });
}

/** Queries and form bodies. Writing and reading again must give the same. */
async function query() {
  const { readParameters, UNREADABLE } = await built('wire/parameters.js');
  const { textOf } = await built('wire/body.js');
  return (bytes) =>
    outcomeOf(() => {
      // A value that cannot be decoded is refused by its reader; here nobody reads it.
      const parameters = readParameters(textOf(bytes)).filter(([, value]) => value !== UNREADABLE);
      const written = parameters
        .filter(([name, value]) => name.isWellFormed() && value.isWellFormed())
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
      must(written.length === parameters.length, 'text that is not Unicode was let through');
      const again = readParameters(written.join('&'));
      must(isDeepStrictEqual(again, parameters), 'parameters do not come back');
      return `${Math.min(parameters.length, 9)} parameters`;
    });
}

/** Bodies of Delivery and mbox calls: JSON, then the members. */
async function json() {
  const { readJsonObject } = await built('wire/json.js');
  const { checkMembers, DeliveryRequestSchema, MboxCallSchema } = await built('delivery/delivery-schema.js');
  return (bytes) =>
    outcomeOf(() => {
      const body = readJsonObject(bytes);
      const outcomes = [DeliveryRequestSchema, MboxCallSchema].map((schema) =>
        outcomeOf(() => `taken ${Object.keys(checkMembers(schema, body)).sort().join()}`),
      );
      must(
        {}.polluted === undefined && Object.keys(Object.prototype).length === 0,
        'every object was poisoned',
      );
      return outcomes.join(' | ');
    });
}

/** Batch files, whole and in pieces: the check, the reader and the packed rows must agree. */
async function batch() {
  const { BatchCheck } = await built('batches/batch-check.js');
  const { BatchReader } = await built('batches/batch-reader.js');
  const { readSteps } = await built('batches/step-reader.js');
  const { PackedRows } = await built('storage/lmdb/packed-rows.js');
  return async (bytes) => {
    try {
      const check = new BatchCheck();
      check.push(bytes);
      const { rows: counted } = check.end();
      const reader = new BatchReader();
      const rows = [...reader.push(bytes), ...reader.end()];
      must(rows.length === counted, `the check counts ${counted} rows, the reader ${rows.length}`);
      const size = 1 + (bytes[bytes.length - 1] ?? 0);
      const pieces = new BatchReader();
      const inPieces = [];
      for (let at = 0; at < bytes.length; at += size)
        inPieces.push(...pieces.push(bytes.subarray(at, at + size)));
      inPieces.push(...pieces.end());
      must(isDeepStrictEqual(inPieces, rows), 'the rows depend on where the file was cut');
      const { header } = reader;
      const updates = [];
      const failures = [];
      const from = { header, cursor: header.end };
      for await (const step of readSteps([bytes.subarray(header.end.offset)], {
        from,
        rowsPerStep: 3,
        collector: (kind, columns) => new PackedRows(kind, columns),
        now: () => 1,
      })) {
        updates.push(...Array.from(step.updates, ({ nth: _, ...row }) => row));
        failures.push(...step.failures);
        step.release();
      }
      const wanted = (kind) => rows.filter((row) => row.kind === kind);
      const plain = wanted('update').map(({ kind: _, ...row }) => row);
      must(isDeepStrictEqual(updates, plain), 'the packer and the reader see other updates');
      must(failures.length === wanted('failed').length, 'the packer and the reader see other failures');
      return `${rows
        .map(({ kind, reason = '' }) => kind[0] + reason.slice(0, 12))
        .join(' ')
        .slice(0, 60)}`;
    } catch (error) {
      return refusal(error);
    }
  };
}

/** Compressed uploads. */
async function gzip() {
  const { acceptBatch } = await built('batches/accept-batch.js');
  return async (bytes) => {
    let written = 0;
    let kept = 0;
    let discarded = 0;
    const files = {
      receive: async () => ({
        write: async (chunk) => {
          written += chunk.length;
        },
        keepAs: async () => {
          kept += 1;
        },
        discard: async () => {
          discarded += 1;
        },
      }),
    };
    const batches = { accept: async () => {} };
    const headers = { 'content-encoding': 'gzip' };
    const request = new Request('http://localhost/', { method: 'POST', headers, body: bytes });
    let outcome;
    try {
      await acceptBatch({ batches, files, now: Date.now }, 'demo', 'v2', request);
      outcome = 'accepted';
    } catch (error) {
      outcome = refusal(error);
    }
    must(discarded === 1, 'what came was not let go of');
    must(written <= 50_000_000, 'more was unpacked than a batch may have');
    must(kept === (outcome === 'accepted' ? 1 : 0), 'kept without being accepted, or the other way round');
    if (outcome === 'accepted' && bytes.length < UNPACKED_AT_MOST) {
      // What was accepted must be what any other program unpacks.
      const whole = gunzipSync(bytes, { maxOutputLength: 60_000_000 });
      must(whole.length === written, `${written} bytes were taken of ${whole.length}`);
    }
    return outcome;
  };
}

export const TARGETS = { ids, query, json, batch, gzip };
