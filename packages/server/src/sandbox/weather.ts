/**
 * Adobe's weather: behaviours of Adobe Target where Quiver is stricter, which can be switched on in
 * a sandbox (contract section 13). `calm` has none of them.
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
      description: 'The preset for members that are absent; by default they stay as they are.',
    }),
    updatesVisibleAfter: Duration.optional().openapi({
      description: 'How long it takes until a fetch shows a single update.',
    }),
    mergesVisibleAfter: Duration.optional().openapi({
      description: 'How long it takes until two profiles are merged.',
    }),
    batchesTake: Duration.optional().openapi({
      description: 'How long a batch waits before its rows are applied.',
    }),
    batchOverrides: z.boolean().optional().openapi({
      description:
        'Whether a v2 batch replaces what the previous batch set, unless the visitor came in between.',
    }),
    lostRows: z.number().min(0).max(1).optional().openapi({
      description:
        'The share of rows of a batch that are lost although they count as successful; drawn from the seed.',
    }),
    callsAMinute: Calls.optional().openapi({
      description: 'Admin and batch calls per minute; further calls get 503; null for no limit.',
    }),
    updatesADay: Calls.optional().openapi({
      description: 'Single updates per day; further calls get 503; null for no limit.',
    }),
    fetchesADay: Calls.optional().openapi({
      description: 'Fetches per day; further calls get 503; null for no limit.',
    }),
    callsASession: Calls.optional().openapi({
      description: 'Concurrent visits of one session; further visits get 420; null for no limit.',
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

/** The limits in Adobe's documentation; the guide cites each source. */
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
 * @throws QuiverError `bad-request` for an unknown member or an invalid value
 */
export function changedWeather(present: Weather, given: unknown): Weather {
  const { preset, ...members }: WeatherInput = checkMembers(WeatherSchema, given);
  return { ...(preset === undefined ? present : PRESETS[preset]), ...members } as Weather;
}

/** The milliseconds of a duration in the weather. */
export function lasts(duration: string): number {
  return durationOf(duration) ?? 0;
}
