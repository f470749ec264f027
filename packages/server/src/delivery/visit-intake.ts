/** Records visits; shared by Delivery and the older mbox calls (contract section 7). */

import { MAX_ATTRIBUTES_SIZE } from '../domain/attributes.ts';
import type { ClientRules, RulesOf } from '../domain/client-rules.ts';
import type { CheckIds } from '../domain/placeholder-id.ts';
import { limitReason } from '../domain/profile-limits.ts';
import type { IdKind } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { ProfileService } from '../service/profile-service.ts';
import type { FoundProfile, ScriptTrace, Visit, VisitOutcome } from '../storage/profile-store.ts';
import type { Call } from '../wire/call.ts';
import type { DeliveryRequest } from './delivery-schema.ts';
import { type LocationRules, locationNames } from './location-hint.ts';
import { isOptedOut } from './opt-out.ts';

/** The parts of a request that ask for content or report on it; for an mbox call, its one mbox. */
export type TakenIn = Pick<DeliveryRequest, 'execute' | 'notifications'>;

export interface VisitIntakeParts {
  readonly profiles: Pick<ProfileService, 'find' | 'visit'>;
  readonly location: LocationRules;
  readonly rulesOf: RulesOf;
  /** Counts placeholder ids, and refuses them if the client wants that. */
  readonly checkIds: CheckIds;
  /** Whether a token is the client's current debug token. */
  readonly isDebugToken: (client: string, token: string) => Promise<boolean>;
  /** Called for every recorded request, to meter it. */
  readonly takenIn: (client: string, request: TakenIn) => void;
}

/** A profile as a trace shows it; null when there is none. */
type TracedProfile = { readonly modifiedAt: number; readonly profileAttributes: unknown } | null;

/** What a debug token reveals: the profile before and after the visit, as two reads saw it. */
export interface Trace {
  readonly clientCode: string;
  readonly profile: { readonly before: TracedProfile; readonly after: TracedProfile };
  /** What each script did; left out where none ran. */
  readonly profileScripts?: readonly ScriptTrace[];
}

export interface VisitTaken {
  /**
   * Includes a location hint, if hints are on; undefined when the visitor has opted out and sent no
   * tntId.
   */
  readonly tntId: string | undefined;
  readonly edgeHost: string | undefined;
  /** The edge cluster that has the profile, if it is another one. */
  readonly cluster: number | undefined;
  readonly trace: Trace | undefined;
}

/** A debug token, and the name of the member that sent it. */
export interface SentDebugToken {
  readonly member: string;
  readonly text: string;
}

export interface VisitToTake {
  readonly visit: Visit;
  /** Categories that the visitor looks at, in the order in which they count; none by default. */
  readonly categories?: readonly string[] | undefined;
  /** The request's name for an id of a kind, for a refusal. */
  readonly memberOf: (kind: IdKind) => string;
  /** The tntId as it was sent. */
  readonly sentTntId: string | null | undefined;
  readonly metered: TakenIn;
  /** The request's name for its attributes, for the refusal of too many: `profileParameters`. */
  readonly attributesMember: string;
  /** The debug token of the request, and the member that sent it; undefined without one. */
  readonly debugToken?: SentDebugToken | undefined;
}

export class VisitIntake {
  readonly #parts: VisitIntakeParts;
  readonly #names: ReturnType<typeof locationNames>;

  constructor(parts: VisitIntakeParts) {
    this.#parts = parts;
    this.#names = locationNames(parts.location);
  }

  /** The rules that the client of a call has chosen; returned synchronously when they are known. */
  rulesOf(client: string): ClientRules | Promise<ClientRules> {
    return this.#parts.rulesOf(client);
  }

  /**
   * Stores a visit and meters it. If the visitor has opted out or must not be stored, nothing is
   * stored or metered.
   *
   * @throws QuiverError (rejects) `bad-request` when the attributes would total more than 64 KB, or
   *   an id is a placeholder that the client refuses; `forbidden` when a debug token was sent that
   *   is not the current one; errors of the store
   */
  async take({ request, client }: Call, taken: VisitToTake): Promise<VisitTaken> {
    const { debugToken, sentTntId, metered } = taken;
    const isTraced = debugToken !== undefined;
    const visit = visitSeen(taken, isTraced);
    const notStored = {
      tntId: sentTntId ?? undefined,
      ...{ edgeHost: undefined, cluster: undefined, trace: undefined },
    };
    if (isOptedOut(request.headers)) return notStored;
    const checked = this.#parts.checkIds(
      client,
      visit.ids.map((id) => ({ ...id, member: taken.memberOf(id.kind) })),
    );
    if (checked !== undefined) await checked;
    if (isTraced) await this.#requireDebugToken(client, debugToken);
    const before = isTraced ? await this.#traced(client, visit) : null;
    const visited = await this.#parts.profiles.visit(client, visit);
    // Same as for a visitor who has opted out, so that the reply does not reveal the suppression.
    if (visited.outcome === 'suppressed') return notStored;
    if (visited.outcome === 'too-large') {
      throw new QuiverError(
        'bad-request',
        `${taken.attributesMember}: the attributes of one profile may total at most ${MAX_ATTRIBUTES_SIZE} bytes; nothing was changed`,
      );
    }
    if (visited.outcome !== 'visited') {
      throw new QuiverError('bad-request', `id: ${limitReason(visited.outcome)}`);
    }
    this.#parts.takenIn(client, metered);
    const { profiles } = this.#parts;
    const after = isTraced
      ? tracedOf(await profiles.find(client, { kind: 'tntId', text: visited.tntId }))
      : null;
    return {
      tntId: this.#names.tntIdOf(visited.tntId, visited),
      edgeHost: this.#names.edgeHostOf(visited),
      cluster: visited.cluster,
      trace: isTraced ? traceOf(client, before, after, visited.scripts) : undefined,
    };
  }

  async #requireDebugToken(client: string, { member, text }: SentDebugToken): Promise<void> {
    if (await this.#parts.isDebugToken(client, text)) return;
    throw new QuiverError('forbidden', `${member}: must be the present debug token of the client`);
  }

  /** The profile that the strongest known id of a visit names. */
  async #traced(client: string, { ids }: Visit): Promise<TracedProfile> {
    for (const { kind, value } of ids) {
      const found = await this.#parts.profiles.find(client, { kind, text: value });
      if (found) return tracedOf(found);
    }
    return null;
  }
}

/** The visit with its categories and whether it is traced; the same object when it has neither. */
function visitSeen({ visit, categories }: VisitToTake, isTraced: boolean): Visit {
  const seen = categories && categories.length > 0 ? { categories, notesSessions: false } : undefined;
  if (!seen && !isTraced) return visit;
  return { ...visit, ...(seen && { seen }), isTraced };
}

function traceOf(
  clientCode: string,
  before: TracedProfile,
  after: TracedProfile,
  scripts: VisitOutcome['scripts'],
): Trace {
  return { clientCode, profile: { before, after }, ...(scripts && { profileScripts: scripts }) };
}

function tracedOf(found: FoundProfile | undefined): TracedProfile {
  return found ? { modifiedAt: found.modifiedAt, profileAttributes: JSON.parse(found.attributes) } : null;
}
