/**
 * The Lua scripts that change a cell; what a cell is, its fields and states are in `cells.ts`.
 *
 * All of them: KEYS[1] is the cell. A reply begins with a status; `done` alone says that something was written, or was before. A call that
 * finds its work done writes a field all the same, so that the WAIT behind it covers the earlier write too.
 */

import { script } from './script.ts';

/**
 * Shared by the scripts below.
 *
 * `apply(cell, c)` carries out a change: c = { milliseconds to live, '1' to clear the state first or 'r' to free the old record first, number
 * of pairs, field, value, …, fields to delete … }.
 */
const prelude = `
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function touch(cell)
  if redis.call('EXISTS', cell) == 1 then redis.call('HINCRBY', cell, 'w', 1) end
end
local function expire(cell, at)
  redis.call('PEXPIREAT', cell, at)
end
local function apply(cell, c)
  local pairs_ = tonumber(c[3])
  local clear = {}
  if c[2] == '1' then
    for _, field in ipairs(redis.call('HKEYS', cell)) do
      local kind = string.sub(field, 1, 1)
      if kind == 'r' or kind == 'g' or kind == 'u' or kind == 'l' or kind == 'b' then clear[#clear + 1] = field end
    end
  end
  local at = string.format('%.0f', now() + tonumber(c[1]))
  -- What frees memory comes first: it is allowed at maxmemory, and what is written behind it in the same script is too.
  if c[2] == 'r' then clear[1] = 'r' end
  for _, field in ipairs(clear) do redis.call('HDEL', cell, field) end
  redis.call('HSET', cell, 'e', at)
  for i = 4, 3 + 2 * pairs_, 2 do redis.call('HSET', cell, c[i], c[i + 1]) end
  for i = 4 + 2 * pairs_, #c do redis.call('HDEL', cell, c[i]) end
  return at
end
local HOLD = 200 * 86400000
local OPERATION_KEPT = 20000
`;

/**
 * Changes a cell that is as it was read; with \`pending\` it is the commit of a transaction.
 *
 * KEYS[2] where the operation is noted. ARGV: operation id (the new version), deadline in epoch ms of the engine, version expected ('' absent),
 * pending ('' or what remains to be done), then the change. Returns done | late | changed | intent | revoked.
 */
export const changeCell = script(`${prelude}
local cell, note = KEYS[1], KEYS[2]
local seen = redis.call('GET', note)
if seen == 'done' then touch(cell) return { 'done' } end
if seen then return { 'revoked' } end
if now() > tonumber(ARGV[2]) then return { 'late' } end
if redis.call('HEXISTS', cell, 't') == 1 then return { 'intent' } end
if (redis.call('HGET', cell, 'v') or '') ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 5, #ARGV do c[#c + 1] = ARGV[i] end
local at = apply(cell, c)
redis.call('HSET', cell, 'v', ARGV[1])
if ARGV[4] ~= '' then
  redis.call('HSET', cell, 'p' .. ARGV[1], ARGV[4])
  redis.call('PEXPIRE', cell, HOLD)
else
  expire(cell, at)
end
redis.call('SET', note, 'done', 'PX', OPERATION_KEPT)
return { 'done' }
`);

/**
 * As \`changeCell\` for a row of a batch, whose mark in the cell tells whether it was applied: nothing is noted.
 *
 * ARGV: new version, deadline, version expected, then the change. Returns done | late | changed | intent.
 */
export const changeCellByRow = script(`${prelude}
local cell = KEYS[1]
local version = redis.call('HGET', cell, 'v') or ''
if version == ARGV[1] then touch(cell) return { 'done' } end
if now() > tonumber(ARGV[2]) then return { 'late' } end
if redis.call('HEXISTS', cell, 't') == 1 then return { 'intent' } end
if version ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 4, #ARGV do c[#c + 1] = ARGV[i] end
local at = apply(cell, c)
redis.call('HSET', cell, 'v', ARGV[1])
expire(cell, at)
return { 'done' }
`);

/**
 * Lays down what a transaction will make of a cell: nobody changes the cell before the transaction has ended.
 *
 * ARGV: transaction id, deadline, version expected, intent (JSON), then the change. Returns done | late | changed | intent.
 */
export const prepareCell = script(`${prelude}
local cell = KEYS[1]
local present = redis.call('HGET', cell, 't')
if present == ARGV[4] then touch(cell) return { 'done' } end
if present then return { 'intent' } end
if now() > tonumber(ARGV[2]) then return { 'late' } end
if (redis.call('HGET', cell, 'v') or '') ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 5, #ARGV do c[#c + 1] = ARGV[i] end
redis.call('HSET', cell, 't', ARGV[4], 'n', cmsgpack.pack(c))
redis.call('PEXPIRE', cell, HOLD)
return { 'done' }
`);

/**
 * Ends a transaction at a cell that it prepared; nothing when the cell bears no such intent any more.
 *
 * ARGV: intent (JSON), '1' committed or '0' revoked, new version. Returns done.
 */
export const finishCell = script(`${prelude}
local cell = KEYS[1]
if redis.call('HGET', cell, 't') ~= ARGV[1] then touch(cell) return { 'done' } end
local at = redis.call('HGET', cell, 'e')
if ARGV[2] == '1' then
  at = apply(cell, cmsgpack.unpack(redis.call('HGET', cell, 'n')))
  redis.call('HSET', cell, 'v', ARGV[3])
end
redis.call('HDEL', cell, 't', 'n')
if at then expire(cell, at) else redis.call('PEXPIRE', cell, OPERATION_KEPT) end
return { 'done' }
`);

/**
 * Tells what became of a transaction, at the cell where it commits; one that has not committed is revoked when asked to.
 *
 * KEYS[2] where the transaction is noted. ARGV: transaction id, '1' to revoke. Returns done, then committed and what remains to be
 * done | finished | revoked | open.
 */
export const decideTransaction = script(`${prelude}
local cell, note = KEYS[1], KEYS[2]
local pending = redis.call('HGET', cell, 'p' .. ARGV[1])
if pending then touch(cell) return { 'done', 'committed', pending } end
local seen = redis.call('GET', note)
if seen == 'done' then touch(cell) return { 'done', 'finished' } end
if ARGV[2] == '1' then
  redis.call('SET', note, 'revoked', 'PX', OPERATION_KEPT)
  return { 'done', 'revoked' }
end
return { 'done', seen or 'open' }
`);

/** Notes that nothing of a transaction remains to be done. ARGV: transaction id. Returns done. */
export const closeTransaction = script(`${prelude}
local cell = KEYS[1]
if redis.call('HDEL', cell, 'p' .. ARGV[1]) == 1 then
  local at = redis.call('HGET', cell, 'e')
  if at then expire(cell, at) end
else
  touch(cell)
end
return { 'done' }
`);

/**
 * Makes a pointer lead elsewhere, live longer, or go, whatever intent lies over it; nothing when it is another pointer by now.
 *
 * ARGV: the pointer as it was, as it shall be ('' to remove it), milliseconds to live, new version. Returns done.
 */
export const repoint = script(`${prelude}
local cell = KEYS[1]
if redis.call('HGET', cell, 'r') ~= ARGV[1] then touch(cell) return { 'done' } end
local at = apply(cell, ARGV[2] == '' and { ARGV[3], '1', '0' } or { ARGV[3], '0', '1', 'r', ARGV[2] })
redis.call('HSET', cell, 'v', ARGV[4])
if redis.call('HEXISTS', cell, 't') == 0 then expire(cell, at) end
return { 'done' }
`);
