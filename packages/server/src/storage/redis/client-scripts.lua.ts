/**
 * The Lua scripts of what is kept beside profiles and batches. A reply begins with a status; `done` alone says that something was written, or
 * was before. A call that comes twice writes a field all the same, so that the WAIT behind it covers the earlier write too.
 */

import { script } from './script.ts';

/**
 * Keeps a text that was not there, or learns which is. KEYS[1] where. ARGV: the text, and perhaps a text that it replaces. Returns
 * done, the text that is there.
 */
export const keepFirst = script(`
local kept = redis.call('GET', KEYS[1])
if not kept or kept == ARGV[2] then kept = ARGV[1] end
redis.call('SET', KEYS[1], kept)
return { 'done', kept }
`);

/** Writes nothing that anybody reads: whether a write comes through. KEYS[1] where. ARGV: the time. Returns done. */
export const probe = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)
return { 'done' }
`);

/**
 * Counts profiles, a few keys at a time.
 *
 * No KEYS: it looks at whatever the node has. ARGV: cursor, what keys look like, how many keys at a time. Returns done, the next cursor, profiles.
 */
export const countProfiles = script(`
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3], 'TYPE', 'hash')
local count = 0
for _, cell in ipairs(page[2]) do
  if redis.call('HEXISTS', cell, 'g') == 1 then count = count + 1 end
end
return { 'done', page[1], count }
`);
