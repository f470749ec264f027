/**
 * Adobe's weather: how Adobe Target behaves where Quiver is better, to be switched on in a sandbox (contract section 13). In `calm`
 * none of it happens.
 */

import { checkMembers } from '../delivery/delivery-schema.ts';
import { z } from '../wire/schema.ts';
import { DURATION_RULE, durationOf } from './duration.ts';
import type { Weather, WeatherInput } from './public-types.ts';

const Duration = z.string().refine((text) => durationOf(text) !== undefined, DURATION_RULE);
const Calls = z.int().min(0).max(1_000_000_000).nullable();

export const WeatherSchema = z
  .strictObject({
    preset: z.enum(['calm', 'adobe']).optional().openapi({
      description: 'What the members that are not given are; those in force by default.',
    }),
    updatesVisibleAfter: Duration.optional().openapi({
      description: 'How long a single update takes until a fetch shows it.',
    }),
    mergesVisibleAfter: Duration.optional().openapi({
      description: 'How long two profiles take to be merged.',
    }),
    batchesTake: Duration.optional().openapi({
      description: 'How long a batch waits before its rows are applied.',
    }),
    batchOverrides: z.boolean().optional().openapi({
      description:
        'Whether a v2 batch replaces what the batch before it set, unless the visitor came in between.',
    }),
    lostRows: z.number().min(0).max(1).optional().openapi({
      description:
        'The share of rows of a batch that are lost although they count as successful; drawn from the seed.',
    }),
    callsAMinute: Calls.optional().openapi({
      description: 'Admin and batch calls a minute, beyond which is 503; null for no limit.',
    }),
    updatesADay: Calls.optional().openapi({
      description: 'Single updates a day, beyond which is 503; null for no limit.',
    }),
    fetchesADay: Calls.optional().openapi({
      description: 'Fetches a day, beyond which is 503; null for no limit.',
    }),
    callsASession: Calls.optional().openapi({
      description: 'Visits of one session at the same time, beyond which is 420; null for no limit.',
    }),
    locationHints: z.boolean().optional().openapi({
      description: 'Whether tntIds and `edgeHost` name an edge cluster as at Adobe.',
    }),
  })
  .openapi('SandboxWeather', { example: { preset: 'adobe', lostRows: 0.01 } });

export const CALM: Weather = {
  updatesVisibleAfter: 'PT0S',
  mergesVisibleAfter: 'PT0S',
  batchesTake: 'PT0S',
  batchOverrides: false,
  lostRows: 0,
  callsAMinute: null,
  updatesADay: null,
  fetchesADay: null,
  callsASession: null,
  locationHints: false,
};

/** As Adobe's pages have it; the guide cites each. */
const ADOBE: Weather = {
  updatesVisibleAfter: 'PT24H',
  mergesVisibleAfter: 'PT10M',
  batchesTake: 'PT24H',
  batchOverrides: true,
  lostRows: 0.001,
  callsAMinute: 50,
  updatesADay: 1_000_000,
  fetchesADay: null,
  callsASession: 100,
  locationHints: true,
};

const PRESETS = { calm: CALM, adobe: ADOBE };

/**
 * The weather after a change.
 *
 * @throws QuiverError `bad-request` for an unknown member or a bad value
 */
export function changedWeather(present: Weather, given: unknown): Weather {
  const { preset, ...members }: WeatherInput = checkMembers(WeatherSchema, given);
  return { ...(preset === undefined ? present : PRESETS[preset]), ...members } as Weather;
}

/** The milliseconds of a duration of the weather. */
export function lasts(duration: string): number {
  return durationOf(duration) ?? 0;
}
