/**
 * What the admin API shows of a visitor in addition to the attributes: session, categories,
 * customer attributes (contract sections 14 and 15).
 */

import type { PackedAttributes } from '../domain/attributes.ts';
import { listCustomerAttributes } from '../domain/customer-attributes.ts';
import { hasEnded } from '../domain/session.ts';
import { notesAt } from '../domain/visit-notes.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';

/** The members of a profile's view; each is absent when nothing is stored for it. */
export const VISITOR_VIEW = {
  session: z
    .object({
      number: z.int().openapi({ description: 'Which session it is; the first is 1.' }),
      start: z.string(),
      lastCall: z.string(),
      hasEnded: z.boolean().openapi({ description: 'Whether 30 minutes have passed since the last call.' }),
      landingPage: z.string().optional(),
    })
    .optional()
    .openapi({ description: 'The session of the last call, if sessions are recorded.' }),
  categoryAffinities: z
    .array(z.object({ category: z.string(), score: z.number() }))
    .optional()
    .openapi({ description: 'Highest score first.' }),
  customerAttributes: z
    .array(z.object({ source: z.string(), name: z.string(), value: z.string(), modifiedAt: z.string() }))
    .optional(),
};

/** @param now epoch milliseconds; the session may have ended by then */
export function visitorView(attributes: PackedAttributes, now: number) {
  const notes = notesAt(attributes, now);
  const customerAttributes = listCustomerAttributes(attributes);
  return {
    ...(notes && {
      session: {
        number: notes.session.count,
        start: timeText(notes.session.start),
        lastCall: timeText(notes.session.lastCall),
        hasEnded: hasEnded(notes.session.lastCall, now),
        landingPage: notes.session.landingPage,
      },
      categoryAffinities: notes.affinity.map(({ name, score }) => ({ category: name, score })),
    }),
    ...(customerAttributes.length > 0 && {
      customerAttributes: customerAttributes.map((one) => ({ ...one, modifiedAt: timeText(one.modifiedAt) })),
    }),
  };
}
