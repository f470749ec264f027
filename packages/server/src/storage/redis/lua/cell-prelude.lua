-- Shared by the scripts that change a cell. What a cell is, its fields and states are in
-- `cells.ts`.
--
-- A reply starts with a status. Only `done` says that something was written, now or by an earlier
-- call with the same arguments. A call that finds its work done writes a field all the same, so
-- that the WAIT behind it covers the earlier write too.
--
-- `apply` makes a change and notes its version; `time` is now, where that is known already. It
-- returns when the engine frees the cell.
--
-- A change is a list: milliseconds to live; '1' to clear the state first, or 'r' to free the old
-- record first; number of pairs; field, value, …; fields to delete, ….

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
-- As few writes as can be: each travels to the replica, and into the append-only file of both.
local SET_AT_ONCE = 1000
local function apply(cell, c, version, time)
  local pairs_ = tonumber(c[3])
  local clear = {}
  if c[2] == '1' then
    for _, field in ipairs(redis.call('HKEYS', cell)) do
      local kind = string.sub(field, 1, 1)
      if kind == 'r' or kind == 'g' or kind == 'u' or kind == 'l' or kind == 'b' then clear[#clear + 1] = field end
    end
  end
  local at = string.format('%.0f', (time or now()) + tonumber(c[1]))
  -- What frees memory comes first: it is allowed at maxmemory, and so is what follows it in the
  -- script.
  if c[2] == 'r' then clear[1] = 'r' end
  for _, field in ipairs(clear) do redis.call('HDEL', cell, field) end
  local last = 3 + 2 * pairs_
  local first = math.min(last, 3 + SET_AT_ONCE)
  redis.call('HSET', cell, 'e', at, 'v', version, unpack(c, 4, first))
  for i = first + 1, last, SET_AT_ONCE do
    redis.call('HSET', cell, unpack(c, i, math.min(last, i + SET_AT_ONCE - 1)))
  end
  for i = last + 1, #c do redis.call('HDEL', cell, c[i]) end
  return at
end
-- Leaves what the change feed is to tell (change-outbox.ts), if anything.
local function record(outbox, changes)
  if changes ~= '' then redis.call('XADD', outbox, '*', 'c', changes) end
end
local HOLD_MS = 200 * 86400000
local OPERATION_KEPT_MS = 20000
