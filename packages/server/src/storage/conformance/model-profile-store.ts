/**
 * The storage contract as a plain model in memory, with which every engine is compared; never used
 * by what ships.
 *
 * It keeps complete profiles in a map and ids as a list, without any of an engine's optimizations:
 * slow, short, and easy to verify.
 */

import type { AttributeSettings } from '../../domain/attributes.ts';
import {
  type CategoryAffinity,
  halved,
  joinedAffinity,
  withCategory,
} from '../../domain/category-affinity.ts';
import { expiryOf, isExpired, type WriteMoment } from '../../domain/lifetime.ts';
import { hasEnded, joinedSession, type LiveSession, sessionOfCall } from '../../domain/session.ts';
import { ID_KINDS, type VisitorId } from '../../domain/visitor-id.ts';
import type { StateSettings } from '../../domain/visitor-state.ts';
import type { UpdateOutcome, Visit } from '../profile-store.ts';

interface ModelProfile {
  attributes: Map<string, { value: string; modifiedAt: number }>;
  /** What scripts keep, and customer attributes. */
  state: Map<string, { value: string; modifiedAt: number }>;
  modifiedAt: number;
  expiresAt: number;
  ids: { id: VisitorId; since: number; order: number }[];
  /** Session and categories, once a visit has given a reason to note them. */
  noted?: { session: LiveSession; affinity: CategoryAffinity };
}

const LIMIT = 65_536;

export class ModelProfileStore {
  readonly #profiles = new Map<string, ModelProfile[]>();
  #order = 0;

  find(client: string, id: VisitorId, now: number): ModelProfile | undefined {
    return (this.#profiles.get(client) ?? []).find(
      (profile) =>
        !isExpired(profile, now) &&
        profile.ids.some((linked) => linked.id.kind === id.kind && linked.id.value === id.value),
    );
  }

  update(
    client: string,
    id: VisitorId,
    settings: AttributeSettings,
    moment: WriteMoment,
    create: boolean,
  ): UpdateOutcome {
    const found = this.find(client, id, moment.now);
    if (!found && !create) return 'not-found';
    const draft = found ?? fresh(moment);
    if (wouldBeTooLarge(draft, settings)) return 'too-large';
    if (!found) this.#add(client, draft, id, moment);
    set(draft, settings, moment);
    return found ? 'updated' : 'created';
  }

  visit(client: string, visit: Visit, moment: WriteMoment): { outcome: string; tntId: string } {
    const before = structuredClone(this.#profiles.get(client) ?? []);
    const ids = [...visit.ids].sort((a, b) => ID_KINDS.indexOf(a.kind) - ID_KINDS.indexOf(b.kind));
    const strongest = ids[0]!;
    let target = this.find(client, strongest, moment.now);
    let latest = 0;
    if (!target) {
      const next = ids.map((id) => this.find(client, id, moment.now)).find(Boolean);
      target = next && !areTwoPeople(ids, idsOf(next)) ? next : fresh(moment);
      this.#add(client, target, strongest, moment);
    }
    for (const id of ids.slice(1)) {
      const other = this.find(client, id, moment.now);
      if (other === target || areTwoPeople([id], idsOf(target))) continue;
      if (!other) {
        this.#add(client, target, id, moment);
      } else if (areTwoPeople(idsOf(other), idsOf(target))) {
        other.ids = other.ids.filter((linked) => linked.id.kind !== id.kind || linked.id.value !== id.value);
        other.modifiedAt = Math.max(other.modifiedAt, moment.now);
        this.#add(client, target, id, moment);
      } else {
        latest = Math.max(latest, target.expiresAt, other.expiresAt);
        joinNotes(target, other);
        for (const [name, attribute] of other.attributes)
          if (!target.attributes.has(name)) target.attributes.set(name, attribute);
        for (const [name, entry] of other.state) if (!target.state.has(name)) target.state.set(name, entry);
        target.modifiedAt = Math.max(target.modifiedAt, other.modifiedAt, moment.now);
        target.ids.push(...other.ids);
        this.#profiles.set(
          client,
          this.#profiles.get(client)!.filter((profile) => profile !== other),
        );
      }
    }
    if (wouldBeTooLarge(target, visit.settings, visit.state)) {
      this.#profiles.set(client, before);
      return { outcome: 'too-large', tntId: '' };
    }
    note(target, visit.seen, moment);
    const at = Math.max(target.modifiedAt, moment.now);
    for (const [name, value] of visit.state ?? []) target.state.set(name, { value, modifiedAt: at });
    set(target, visit.settings, moment);
    target.expiresAt = Math.max(latest, target.expiresAt);
    if (!target.attributes.has('firstSessionStart'))
      set(target, new Map([['firstSessionStart', String(moment.now)]]), {
        ...moment,
        lifetimeDays: (target.expiresAt - moment.now) / 86_400_000,
      });
    const named = ids.find(({ kind }) => kind === 'tntId') ?? oldestTntId(target);
    if (!named) this.#add(client, target, visit.freshTntId, moment);
    return { outcome: 'visited', tntId: (named ?? visit.freshTntId).value };
  }

  remove(client: string, id: VisitorId, now: number): boolean {
    const found = this.find(client, id, now);
    if (found)
      this.#profiles.set(
        client,
        this.#profiles.get(client)!.filter((profile) => profile !== found),
      );
    return found !== undefined;
  }

  removeAttribute(client: string, id: VisitorId, name: string, moment: WriteMoment): string {
    const found = this.find(client, id, moment.now);
    if (!found) return 'no-profile';
    if (!found.attributes.delete(name)) return 'no-attribute';
    found.modifiedAt = Math.max(found.modifiedAt, moment.now);
    found.expiresAt = expiryOf(moment);
    return 'removed';
  }

  #add(client: string, profile: ModelProfile, id: VisitorId, moment: WriteMoment): void {
    const profiles = this.#profiles.get(client) ?? [];
    // An expired profile that still has the id is removed with all its ids.
    const living = profiles.filter((other) => other === profile || !isExpired(other, moment.now));
    if (!living.includes(profile)) living.push(profile);
    this.#profiles.set(client, living);
    profile.ids.push({ id, since: moment.now, order: this.#order++ });
    profile.modifiedAt = Math.max(profile.modifiedAt, moment.now);
  }
}

function fresh(moment: WriteMoment): ModelProfile {
  const kept = { attributes: new Map(), state: new Map(), ids: [] };
  return { ...kept, modifiedAt: moment.now, expiresAt: expiryOf(moment) };
}

function idsOf(profile: ModelProfile): VisitorId[] {
  return profile.ids.map(({ id }) => id);
}

/** Whether both have a thirdPartyId, or a customer id with the same alias, and these differ. */
function areTwoPeople(some: readonly VisitorId[], others: readonly VisitorId[]): boolean {
  return some.some((one) =>
    others.some((other) => {
      if (one.kind !== other.kind || one.value === other.value) return false;
      const isSameAlias = one.value.split(':')[0] === other.value.split(':')[0];
      return one.kind === 'thirdPartyId' || (one.kind === 'customerId' && isSameAlias);
    }),
  );
}

function oldestTntId(profile: ModelProfile): VisitorId | undefined {
  return profile.ids
    .filter(({ id }) => id.kind === 'tntId')
    .sort((a, b) => a.since - b.since || (a.id.value < b.id.value ? -1 : 1))[0]?.id;
}

function sizeOf(...kept: ReadonlyMap<string, { value: string }>[]): number {
  let size = 0;
  for (const [name, { value }] of kept.flatMap((one) => [...one]))
    size += Buffer.byteLength(name) + Buffer.byteLength(value);
  return size;
}

function wouldBeTooLarge(
  { attributes, state }: ModelProfile,
  settings: AttributeSettings,
  stateSettings: StateSettings = new Map(),
): boolean {
  const after = new Map<string, { value: string }>([...attributes, ...state]);
  for (const [name, value] of [...settings, ...stateSettings]) after.set(name, { value });
  return sizeOf(after) > LIMIT && sizeOf(after) > sizeOf(attributes, state);
}

function note(profile: ModelProfile, seen: Visit['seen'], { now }: WriteMoment): void {
  const { noted } = profile;
  if (!noted && !seen?.notesSessions && !seen?.categories.length) return;
  const firstCall = noted ? undefined : Number(profile.attributes.get('firstSessionStart')?.value);
  const page = seen?.notesSessions ? seen.page : undefined;
  const { session, isNew } = sessionOfCall(noted?.session, firstCall, page, now);
  let affinity = noted?.affinity ?? [];
  if (isNew) affinity = halved(affinity);
  for (const category of seen?.categories ?? []) affinity = withCategory(affinity, category);
  // An engine uses the time of the change as that of the call.
  profile.noted = { affinity, session: { ...session, lastCall: Math.max(now, profile.modifiedAt) } };
}

function joinNotes(into: ModelProfile, from: ModelProfile): void {
  const [a, b] = [into.noted, from.noted];
  const kept = a ?? b;
  if (a && b) {
    const aged = (one: typeof a, other: typeof a) =>
      hasEnded(one.session.lastCall, other.session.lastCall) ? halved(one.affinity) : one.affinity;
    into.noted = {
      session: joinedSession(a.session, b.session),
      affinity: joinedAffinity(aged(a, b), aged(b, a)),
    };
  } else if (kept) into.noted = kept;
}

function set(profile: ModelProfile, settings: AttributeSettings, moment: WriteMoment): void {
  const at = Math.max(profile.modifiedAt, moment.now);
  for (const [name, value] of settings) profile.attributes.set(name, { value, modifiedAt: at });
  if (settings.size > 0) profile.modifiedAt = at;
  profile.expiresAt = expiryOf(moment);
}
