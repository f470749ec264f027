/**
 * The Lua scripts of what is kept beside profiles and batches. A reply begins with a status; `done` alone says that something was written, or
 * was before. A call that comes twice writes a field all the same, so that the WAIT behind it covers the earlier write too.
 */

import { script } from './script.ts';

/**
 * Puts a client's record in the place of the one it was made from.
 *
 * KEYS[1] the client: r revision, o operation that wrote it, j the record. ARGV: operation id, revision expected, record.
 * Returns done | changed.
 */
export const replaceClient = script(`
local client = KEYS[1]
local kept = redis.call('HMGET', client, 'r', 'o')
if kept[2] == ARGV[1] then redis.call('HSET', client, 'o', ARGV[1]) return { 'done' } end
if (kept[1] or '0') ~= ARGV[2] then return { 'changed' } end
redis.call('HSET', client, 'r', string.format('%.0f', tonumber(ARGV[2]) + 1), 'o', ARGV[1], 'j', ARGV[3])
return { 'done' }
`);

/**
 * Notes a failed login.
 *
 * KEYS[1] the address: a sorted set of operations by time. ARGV: operation id, now, how long one counts, the most that are kept.
 * Returns done, how many count.
 */
export const noteLogin = script(`
local address = KEYS[1]
redis.call('ZADD', address, ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', address, '-inf', tonumber(ARGV[2]) - tonumber(ARGV[3]))
redis.call('ZREMRANGEBYRANK', address, 0, -1 - tonumber(ARGV[4]))
redis.call('PEXPIRE', address, 2 * tonumber(ARGV[3]))
return { 'done', redis.call('ZCARD', address) }
`);

/**
 * Notes that a session has ended.
 *
 * KEYS[1] the sessions that were ended, by time. ARGV: the session, now, how long that must be known, in milliseconds. Returns done.
 */
export const noteEndedSession = script(`
local ended = KEYS[1]
redis.call('ZREMRANGEBYSCORE', ended, '-inf', tonumber(ARGV[2]) - tonumber(ARGV[3]))
redis.call('ZADD', ended, ARGV[2], ARGV[1])
redis.call('PEXPIRE', ended, ARGV[3])
return { 'done' }
`);

/**
 * Adds to the counts of a day, once.
 *
 * KEYS[1] the day, a hash by kind; KEYS[2] the days of the client, in order; KEYS[3] where the operation is noted. ARGV: day, how long the
 * note is kept, then kind, count, … Returns done.
 */
export const addUsage = script(`
if not redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
  return { 'done' }
end
for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return { 'done' }
`);

/** Removes days. KEYS[1] the days of the client, then the days themselves. ARGV: the days in the same order. Returns done. */
export const removeUsage = script(`
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
  redis.call('ZREM', KEYS[1], ARGV[i - 1])
end
return { 'done' }
`);

/** Notes names, as long as there is room. KEYS[1] the names of the client. ARGV: the most that are kept, then names. Returns done. */
export const addNames = script(`
local names = KEYS[1]
local room = tonumber(ARGV[1]) - redis.call('SCARD', names)
for i = 2, #ARGV do
  if room <= 0 then break end
  room = room - redis.call('SADD', names, ARGV[i])
end
return { 'done' }
`);

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
