/** The input of the scripts of one visit, as JSON in the shape that `script-prelude.ts` reads. */

import { listAttributes } from '../domain/attributes.ts';
import type { RequestFacts, ScriptMemory } from '../domain/script-input.ts';
import { scriptMemoryOf } from '../domain/script-memory.ts';
import { SCRIPT_PREFIX } from '../domain/script-rules.ts';
import type { SeenVisit } from '../domain/visit-notes.ts';
import type { Visit, VisitBasis } from '../storage/profile-store.ts';
import { visitorFacts } from './visitor-facts.ts';

/** The input of the scripts of a visit, and what they have stored before. */
export function jobOf(
  { attributes, tntId }: VisitBasis,
  { settings, seen }: Pick<Visit, 'settings'> & { readonly seen: SeenVisit },
  facts: RequestFacts,
  now: number,
  seed: number,
): { readonly json: string; readonly memory: ScriptMemory } {
  const listed = listAttributes(attributes);
  const memory = scriptMemoryOf(attributes, listed);
  const present = new Map<string, string>();
  for (const { name, value } of listed) if (!name.startsWith(SCRIPT_PREFIX)) present.set(name, value);
  for (const [name, value] of settings) present.set(name, value);
  const { user, profile, landing, customerAttributes } = visitorFacts(attributes, seen, facts, tntId, now);
  const job = {
    ...{ now, seed, user, profile, landing, ...memory },
    attributes: Object.fromEntries(present),
    headers: facts.headers,
    customer: customerAttributes,
    ...{ page: facts.page, referrer: facts.referrer },
    ...{ executed: facts.executed, prefetched: facts.prefetched },
  };
  return { json: JSON.stringify(job), memory };
}
