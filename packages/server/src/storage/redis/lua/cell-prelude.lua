-- Shared by the scripts that change a cell. What a cell is, its fields and states are in
-- `cells.ts`.
--
-- A reply starts with a status. Only `done` says that something was written, now or by an earlier
-- call with the same arguments. A call that finds its work already done still writes a field, so
-- that the following WAIT covers the earlier write too.
--
-- `apply` makes a change: a list that starts after `base` in `c`: milliseconds to live; '1' to
-- clear the state first, or 'r' to free the old record first; number of pairs; field, value, …;
-- fields to delete, …. `before` is what the cell had in `v`, `o` and `e`. It returns when the
-- engine frees the cell, and whether that is later or earlier than before.

local OPERATION_KEPT_MS = 20000
local OPERATIONS_KEPT = 8
-- A remembered operation: its id and 13 digits of time.
local ID, ENTRY = 16, 29
-- A cell is kept a little longer than requested, so that not every write has to extend its
-- lifetime.
local SLACK, LONGEST_SLACK_MS = 0.01, 3600000
local HOLD_MS = 200 * 86400000

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
-- Whether the cell itself remembers an operation.
local function is_made(operation, version, earlier)
  if string.sub(version or '', 1, ID) == operation then return true end
  return earlier and string.find(earlier, operation, 1, true) ~= nil
end
-- The operations of the last seconds, newest first.
local function recent(version, earlier, time)
  local oldest = time - OPERATION_KEPT_MS
  if not version or tonumber(string.sub(version, ID + 1)) <= oldest then return '' end
  if not earlier then return version end
  local length = 0
  while length < #earlier and tonumber(string.sub(earlier, length + ID + 1, length + ENTRY)) > oldest do
    length = length + ENTRY
  end
  return version .. string.sub(earlier, 1, length)
end
-- As few writes as possible: each goes to the replica and into the append-only file of both.
local SET_AT_ONCE = 1000
local function apply(cell, c, base, version, time, before, note)
  local clear = {}
  if c[base + 2] == '1' and before[1] then
    for _, field in ipairs(redis.call('HKEYS', cell)) do
      local kind = string.sub(field, 1, 1)
      if kind == 'r' or kind == 'g' or kind == 'u' or kind == 'l' or kind == 'b' then clear[#clear + 1] = field end
    end
  end
  -- Commands that free memory come first: they are allowed at maxmemory, and so is what follows
  -- them in the script.
  if c[base + 2] == 'r' then clear[1] = 'r' end
  for _, field in ipairs(clear) do redis.call('HDEL', cell, field) end
  local set = { 'HSET', cell, 'v', version .. string.format('%013.0f', time) }
  local earlier = recent(before[1], before[2], time)
  -- A cell that changes constantly would have to remember too many operations.
  if note then
    for at = OPERATIONS_KEPT * ENTRY + 1, #earlier, ENTRY do
      local left = tonumber(string.sub(earlier, at + ID, at + ENTRY - 1)) + OPERATION_KEPT_MS - time
      redis.call('SET', note .. string.sub(earlier, at, at + ID - 1), 'done', 'PX', math.max(1, left))
    end
    earlier = string.sub(earlier, 1, OPERATIONS_KEPT * ENTRY)
  end
  if earlier ~= '' then
    set[#set + 1] = 'o'
    set[#set + 1] = earlier
  elseif before[2] then
    redis.call('HDEL', cell, 'o')
  end
  local life = tonumber(c[base + 1])
  local slack = math.min(SLACK * life, LONGEST_SLACK_MS)
  local at, old = time + life, tonumber(before[3] or 0)
  local is_moved = at > old or at < old - 2 * slack
  at = is_moved and string.format('%.0f', at + slack) or before[3]
  if is_moved then
    set[#set + 1] = 'e'
    set[#set + 1] = at
  end
  local last = base + 3 + 2 * tonumber(c[base + 3])
  local first = math.min(last, base + 3 + SET_AT_ONCE)
  for i = base + 4, first do set[#set + 1] = c[i] end
  redis.call(unpack(set))
  for i = first + 1, last, SET_AT_ONCE do
    redis.call('HSET', cell, unpack(c, i, math.min(last, i + SET_AT_ONCE - 1)))
  end
  for i = last + 1, #c do redis.call('HDEL', cell, c[i]) end
  return at, is_moved
end
-- Adds the changes, if any, to the outbox for the change feed (change-outbox.ts).
local function record(outbox, changes)
  if changes ~= '' then redis.call('XADD', outbox, '*', 'c', changes) end
end
