/**
 * `quiver replay`: sends recorded calls to a sandbox, and reports different replies (contract
 * section 13).
 */

import type { RunningSandbox } from '../sandbox/public-types.ts';
import { startSandbox } from '../sandbox/start-sandbox.ts';
import { isJsonObject, type JsonObject } from '../wire/json.ts';
import { rawPathOf } from '../wire/target.ts';
import { bareTntId } from './pseudonyms.ts';
import { replyObject, routeOf, seedOfRecording } from './recorded-seed.ts';
import type { RecordedCall, Recording } from './recording.ts';

export interface Difference {
  /** Of the recording. */
  readonly line: number;
  readonly method: string;
  readonly path: string;
  /** One phrase per difference: `status: is 404, was 200`. */
  readonly problems: readonly string[];
}

export interface ReplayResult {
  readonly calls: number;
  readonly differences: readonly Difference[];
}

/** Replays a recording on its own clock, with the profiles that existed before it. */
export async function replay(recording: Recording): Promise<ReplayResult> {
  const { head, calls } = recording;
  const hosted = /\.tt\.omtrdc\.net(:\d+)?$/.test(new URL(head.upstream).host);
  const base = hosted ? head.upstream : 'http://127.0.0.1';
  const quiver = await startSandbox({ seed: seedOfRecording(recording), now: head.startedAt });
  try {
    const stand = new Standins();
    const differences: Difference[] = [];
    let last = Date.parse(head.startedAt);
    for (const { line, call } of calls) {
      // Calls overlap, so one that was answered later may have come earlier.
      last = Math.max(last, Date.parse(call.at));
      await quiver.clock.set({ now: new Date(last) });
      const problems = await differencesOf(quiver, base, call, stand);
      const { method, target } = call;
      if (problems.length > 0) differences.push({ line, method, path: rawPathOf(target), problems });
    }
    return { calls: calls.length, differences };
  } finally {
    await quiver.close();
  }
}

async function differencesOf(
  quiver: RunningSandbox,
  base: string,
  call: RecordedCall,
  stand: Standins,
): Promise<string[]> {
  const { method, target, contentType, body, hadToken } = call;
  const answer = await quiver.fetch(base + stand.replacedIn(target), {
    method,
    headers: {
      ...(contentType !== undefined && { 'content-type': contentType }),
      // The recording has no tokens; the admin token of the sandbox allows everything a token
      // would.
      ...(hadToken && { authorization: `Bearer ${quiver.adminToken}` }),
    },
    ...(body !== undefined && { body: stand.replacedIn(body) }),
  });
  const reply = await answer.text();
  const problems: string[] = [];
  const compare = (what: string, is: unknown, was: unknown) => {
    if (is !== was) problems.push(`${what}: is ${shown(is)}, was ${shown(was)}`);
  };
  compare('status', answer.status, call.status);
  if (problems.length > 0) return problems;
  compareReplies({ ...call, reply: stand.replacedIn(call.reply) }, reply, stand, compare);
  return problems;
}

type Compare = (what: string, is: unknown, was: unknown) => void;

/**
 * Compares what must be equal in the two replies. Times, request ids and content that Quiver does
 * not choose are ignored.
 */
function compareReplies(call: RecordedCall, reply: string, stand: Standins, compare: Compare): void {
  const route = routeOf(call);
  const was = replyObject(call);
  const is = replyObject({ ...call, reply });
  if (route === 'batch') stand.learn(batchIdIn(call.reply), batchIdIn(reply));
  if (route === 'update' || route === 'batch') {
    compare('success', elementOf(reply, 'success'), elementOf(call.reply, 'success'));
    return;
  }
  if (route === 'fetch' && call.status === 200) {
    compareAttributes(attributesOf(is), attributesOf(was), compare);
    return;
  }
  if (route === 'visit' && was && is) {
    const [idIs, idWas] = [idIn(is), idIn(was)];
    const [newIs, newWas] = [text(idIs.tntId), text(idWas.tntId)];
    // A new visitor gets another id here, which from then on replaces the recorded one.
    if (!stand.isKnown(newWas)) stand.learn(bareTntId(newWas), bareTntId(newIs));
    compare('id.tntId', bareTntId(newIs), stand.replacedIn(bareTntId(newWas)));
    compare('id.thirdPartyId', idIs.thirdPartyId, idWas.thirdPartyId);
    return;
  }
  if (call.status >= 400) compare('message', messageOf(is, reply), messageOf(was, call.reply));
}

function compareAttributes(
  is: ReadonlyMap<string, string>,
  was: ReadonlyMap<string, string>,
  compare: Compare,
) {
  for (const [name, value] of was) {
    // Set by profile scripts, or a time of Quiver's own clock.
    if (name.startsWith('user.') || name === 'firstSessionStart') continue;
    compare(`attribute ${name}`, is.get(name), value);
  }
  for (const [name, value] of is) {
    if (name !== 'firstSessionStart' && !was.has(name)) compare(`attribute ${name}`, value, undefined);
  }
}

function attributesOf(profile: JsonObject | undefined): Map<string, string> {
  const attributes = isJsonObject(profile?.profileAttributes) ? profile.profileAttributes : {};
  return new Map(
    Object.entries(attributes).map(([name, one]) => [
      name,
      isJsonObject(one) ? String(one.value) : String(one),
    ]),
  );
}

/** The ids in the reply to a visit, in either of its formats. */
function idIn(reply: JsonObject): JsonObject {
  return isJsonObject(reply.id) ? reply.id : reply;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function messageOf(reply: JsonObject | undefined, whole: string): string {
  return typeof reply?.message === 'string' ? reply.message : (elementOf(whole, 'message') ?? '');
}

function elementOf(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function batchIdIn(xml: string): string {
  return /batchId=([^<&]+)/.exec(xml)?.[1] ?? '';
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

/** The sandbox's replacements for ids in the recording. */
class Standins {
  readonly #standins = new Map<string, string>();

  isKnown(recorded: string): boolean {
    return this.#standins.has(bareTntId(recorded));
  }

  learn(recorded: string, given: string): void {
    if (recorded !== '' && given !== '') this.#standins.set(recorded, given);
  }

  /** Replaces ids in a text. They are long and random, so nothing else matches. */
  replacedIn(text: string): string {
    let replaced = text;
    for (const [recorded, given] of this.#standins) replaced = replaced.replaceAll(recorded, given);
    return replaced;
  }
}
