/** The Lua scripts of `lua/`. Made by `npm run lua`; change the files there. */

import { script } from './script.ts';

const cellPrelude = `local OPERATION_KEPT_MS = 20000
local OPERATIONS_KEPT = 8
local ID, ENTRY = 16, 29
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
local function is_made(operation, version, earlier)
  if string.sub(version or '', 1, ID) == operation then return true end
  return earlier and string.find(earlier, operation, 1, true) ~= nil
end
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
local SET_AT_ONCE = 1000
local function apply(cell, c, base, version, time, before, note)
  local clear = {}
  if c[base + 2] == '1' and before[1] then
    for _, field in ipairs(redis.call('HKEYS', cell)) do
      local kind = string.sub(field, 1, 1)
      if kind == 'r' or kind == 'g' or kind == 'u' or kind == 'l' or kind == 'b' then clear[#clear + 1] = field end
    end
  end
  if c[base + 2] == 'r' then clear[1] = 'r' end
  for _, field in ipairs(clear) do redis.call('HDEL', cell, field) end
  local set = { 'HSET', cell, 'v', version .. string.format('%013.0f', time) }
  local earlier = recent(before[1], before[2], time)
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
local function record(outbox, changes)
  if changes ~= '' then redis.call('XADD', outbox, '*', 'c', changes) end
end`;

const recordLifetime = `local SWEPT_AT_ONCE = 16
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function sweep(records, order, due)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now(), 'LIMIT', 0, SWEPT_AT_ONCE)) do
    redis.call('HDEL', records, key)
    redis.call('ZREM', order, key)
    redis.call('ZREM', due, key)
  end
end
local function put(records, order, due, key, value, kept)
  redis.call('HSET', records, key, value)
  redis.call('ZADD', order, 0, key)
  if kept > 0 then redis.call('ZADD', due, string.format('%.0f', now() + kept), key) end
end
local function live_on(records, order, due, kept)
  for _, name in ipairs({ records, order, due }) do redis.call('PEXPIRE', name, kept) end
end`;

export const addRecords = script(`
${recordLifetime}
local records, order, due, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local most, kept = tonumber(ARGV[2]), tonumber(ARGV[3])
local before = redis.call('GET', note)
if before then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done', before }
end
if kept > 0 then sweep(records, order, due) end
local room = most > 0 and most - redis.call('ZCARD', order) or math.huge
local added = 0
for i = 4, #ARGV, 2 do
  if added >= room then break end
  if redis.call('HEXISTS', records, ARGV[i]) == 0 then
    put(records, order, due, ARGV[i], ARGV[i + 1], kept)
    added = added + 1
  end
end
if kept > 0 then live_on(records, order, due, kept) end
redis.call('SET', note, added, 'PX', ARGV[1])
return { 'done', tostring(added) }
`);

export const appendChanges = script(`
local state, collected, log = KEYS[1], KEYS[2], KEYS[3]
local kept = redis.call('HMGET', state, 'id', 'last')
if kept[1] ~= ARGV[1] then return { 'off' } end
local outboxes = tonumber(ARGV[2])
local tags, marks = {}, { 'HSET', collected }
for i = 3, 2 + 3 * outboxes, 3 do
  tags[#tags + 1] = ARGV[i]
  marks[#marks + 1] = ARGV[i]
  marks[#marks + 1] = ARGV[i + 2]
end
local known = 0
for i, at in ipairs(redis.call('HMGET', collected, unpack(tags))) do
  at = at or ''
  if at == ARGV[2 + 3 * i] then known = known + 1
  elseif at ~= ARGV[1 + 3 * i] then return { 'changed' } end
end
if known == outboxes then
  redis.call('HINCRBY', state, 'w', 1)
  return { 'done', kept[2] }
end
if known > 0 then return { 'changed' } end
local last, bytes = tonumber(kept[2]), 0
for i = 3 + 3 * outboxes, #ARGV do
  last = last + 1
  bytes = bytes + #ARGV[i] + 40
  redis.call('XADD', log, string.format('%.0f-0', last), 'c', ARGV[i])
end
local shown = string.format('%.0f', last)
redis.call('HSET', state, 'last', shown)
redis.call('HINCRBY', state, 'bytes', bytes)
redis.call(unpack(marks))
return { 'done', shown }
`);

export const changeBatch = script(`
local batches, queue, turns, lease, failures, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
if redis.call('EXISTS', note) == 1 then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done' }
end
local turn = ARGV[2]
if (redis.call('HGET', batches, turn) or '') ~= ARGV[3] then return { 'changed' } end
if ARGV[7] ~= '' and redis.call('GET', lease) ~= ARGV[7] then return { 'changed' } end
redis.call('HSET', batches, turn, ARGV[4])
if ARGV[5] ~= '' then
  redis.call('HSET', batches, 'last', turn, '#' .. ARGV[5], turn)
  redis.call('ZADD', queue, turn, turn)
  redis.call('ZADD', turns, turn, turn)
end
if ARGV[6] == '1' then redis.call('ZREM', queue, turn) end
if ARGV[7] ~= '' then redis.call('SET', lease, ARGV[8], 'PX', 600000) end
for i = 9, #ARGV, 2 do redis.call('ZADD', failures, ARGV[i], ARGV[i + 1]) end
redis.call('SET', note, '1', 'PX', ARGV[1])
return { 'done' }
`);

export const changeCellByRow = script(`
${cellPrelude}
local cell = KEYS[1]
local present = redis.call('HMGET', cell, 'v', 'o', 'e', 't')
local version, time = present[1] or '', now()
if is_made(ARGV[1], version) then touch(cell) return { 'done' } end
if time > tonumber(ARGV[2]) then return { 'late' } end
if present[4] then return { 'intent' } end
if version ~= ARGV[3] then return { 'changed' } end
local at, is_moved = apply(cell, ARGV, 4, ARGV[1], time, present)
record(KEYS[2], ARGV[4])
if is_moved then expire(cell, at) end
return { 'done' }
`);

export const changeCell = script(`
${cellPrelude}
local cell, note = KEYS[1], KEYS[2]
local present = redis.call('HMGET', cell, 'v', 'o', 'e', 't')
if is_made(ARGV[1], present[1], present[2]) then touch(cell) return { 'done' } end
local seen = redis.call('GET', note)
if seen == 'done' then touch(cell) return { 'done' } end
if seen then return { 'revoked' } end
local time = now()
if time > tonumber(ARGV[2]) then return { 'late' } end
if present[4] then return { 'intent' } end
if (present[1] or '') ~= ARGV[3] then return { 'changed' } end
local base = 5
if #KEYS > 3 then
  for i = 4, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 3], 'PX', ARGV[6]) end
  base = #KEYS + 3
end
local at, is_moved = apply(cell, ARGV, base, ARGV[1], time, present, string.sub(note, 1, -1 - ID))
record(KEYS[3], ARGV[5])
if ARGV[4] ~= '' then
  redis.call('HSET', cell, 'p' .. ARGV[1], ARGV[4], 'h', '1')
  redis.call('PEXPIRE', cell, HOLD_MS)
  redis.call('SET', note, 'done', 'PX', OPERATION_KEPT_MS)
elseif is_moved then
  expire(cell, at)
end
return { 'done' }
`);

export const changeLease = script(`
local lease = redis.call('GET', KEYS[1]) or ''
if lease ~= ARGV[1] and lease ~= ARGV[2] then return { 'changed' } end
redis.call('SET', KEYS[1], ARGV[2], 'PX', 600000)
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) end
return { 'done' }
`);

export const changeRecords = script(`
local records, order, note = KEYS[1], KEYS[2], KEYS[4]
if redis.call('EXISTS', note) == 1 then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done' }
end
local there = redis.call('HGET', records, ARGV[2])
if (there and '=' .. there or '') ~= ARGV[3] then return { 'changed' } end
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', records, ARGV[i])
    redis.call('ZREM', order, ARGV[i])
  end
end
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] ~= '' then
    redis.call('HSET', records, ARGV[i], string.sub(ARGV[i + 1], 2))
    redis.call('ZADD', order, 0, ARGV[i])
  end
end
redis.call('SET', note, '1', 'PX', ARGV[1])
return { 'done' }
`);

export const closeTransaction = script(`
${cellPrelude}
local cell = KEYS[1]
if redis.call('HDEL', cell, 'p' .. ARGV[1]) == 1 then
  redis.call('HDEL', cell, 'h')
  local at = redis.call('HGET', cell, 'e')
  if at then expire(cell, at) end
else
  touch(cell)
end
return { 'done' }
`);

export const countProfiles = script(`
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3], 'TYPE', 'hash')
local count = 0
for _, cell in ipairs(page[2]) do
  if redis.call('HEXISTS', cell, 'g') == 1 then count = count + 1 end
end
return { 'done', page[1], count }
`);

export const decideTransaction = script(`
${cellPrelude}
local cell, note = KEYS[1], KEYS[2]
local pending = redis.call('HGET', cell, 'p' .. ARGV[1])
if pending then touch(cell) return { 'done', 'committed', pending } end
local seen = redis.call('GET', note)
if seen == 'done' then touch(cell) return { 'done', 'finished' } end
if ARGV[2] == '1' then
  redis.call('SET', note, 'revoked', 'PX', OPERATION_KEPT_MS)
  return { 'done', 'revoked' }
end
return { 'done', seen or 'open' }
`);

export const dropFailures = script(`
local removed = 0
for i = 1, #ARGV do
  removed = removed + redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[i], ARGV[i])
end
return { 'done', removed }
`);

export const dropHints = script(`
redis.call('SREM', KEYS[1], unpack(ARGV))
return { 'done' }
`);

export const eraseChanges = script(`
redis.call('HINCRBY', KEYS[1], 'w', 1)
redis.call('XDEL', KEYS[2], unpack(ARGV))
return { 'done' }
`);

export const expireBatch = script(`
local batches, turns, failures, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local seen = redis.call('HMGET', note, 'count', 'gone')
if seen[1] then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done', seen[1], seen[2] }
end
local id = '#' .. ARGV[3]
if redis.call('HGET', batches, id) == ARGV[2] then redis.call('HDEL', batches, id) end
local room = tonumber(ARGV[5])
local count = redis.call('ZREMRANGEBYRANK', failures, 0, room - 1)
local gone = '0'
if count < room then
  redis.call('HDEL', batches, ARGV[2])
  redis.call('ZREM', turns, ARGV[2])
  count = count + 1
  gone = '1'
else
  redis.call('HSET', batches, ARGV[2], ARGV[4])
end
redis.call('HSET', note, 'count', count, 'gone', gone)
redis.call('PEXPIRE', note, ARGV[1])
return { 'done', count, gone }
`);

export const finishCell = script(`
${cellPrelude}
local cell = KEYS[1]
local before = redis.call('HMGET', cell, 'v', 'o', 'e', 't', 'n')
if before[4] ~= ARGV[1] then touch(cell) return { 'done' } end
local at = before[3]
if ARGV[2] == '1' then at = apply(cell, cmsgpack.unpack(before[5]), 0, ARGV[3], now(), before) end
redis.call('HDEL', cell, 't', 'n')
if at then expire(cell, at) else redis.call('PEXPIRE', cell, OPERATION_KEPT_MS) end
return { 'done' }
`);

export const forgetMerges = script(`
redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do
  if #ARGV == 0 then redis.call('DEL', KEYS[i]) else redis.call('ZREM', KEYS[i], unpack(ARGV)) end
end
return { 'done' }
`);

export const hintOutboxes = script(`
redis.call('SADD', KEYS[1], unpack(ARGV))
return { 'done' }
`);

export const keepFirst = script(`
local kept = redis.call('GET', KEYS[1])
if not kept then kept = ARGV[1] end
redis.call('SET', KEYS[1], kept)
return { 'done', kept }
`);

export const keepFor = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'done' }
`);

export const keepParts = script(`
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then return { 'missing' } end
end
redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do redis.call('PERSIST', KEYS[i]) end
return { 'done' }
`);

export const noteFile = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) end
return { 'done' }
`);

export const noteMerge = script(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', ARGV[2] - ARGV[3]))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { 'done' }
`);

export const prepareCell = script(`
${cellPrelude}
local cell = KEYS[1]
local present = redis.call('HGET', cell, 't')
if present == ARGV[4] then touch(cell) return { 'done' } end
if present then return { 'intent' } end
if now() > tonumber(ARGV[2]) then return { 'late' } end
if (redis.call('HGET', cell, 'v') or '') ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 5, #ARGV do c[#c + 1] = ARGV[i] end
redis.call('HSET', cell, 't', ARGV[4], 'n', cmsgpack.pack(c))
redis.call('PEXPIRE', cell, HOLD_MS)
return { 'done' }
`);

export const probe = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)
return { 'done' }
`);

export const removeParts = script(`
redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return { 'done' }
`);

export const removeRecords = script(`
local records, order, due, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local before = redis.call('GET', note)
if before then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done', before }
end
local keys = redis.call('ZRANGEBYLEX', order, ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
for _, key in ipairs(keys) do
  redis.call('HDEL', records, key)
  redis.call('ZREM', order, key)
  redis.call('ZREM', due, key)
end
redis.call('SET', note, #keys, 'PX', ARGV[1])
return { 'done', tostring(#keys) }
`);

export const replaceRecord = script(`
${recordLifetime}
local records, order, due, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local key, read, new = ARGV[2], ARGV[3], ARGV[4]
local most, kept = tonumber(ARGV[5]), tonumber(ARGV[6])
if redis.call('EXISTS', note) == 1 then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done' }
end
local there = redis.call('HGET', records, key)
if (there and '=' .. there or '') ~= read then return { 'changed' } end
if new == '' then
  redis.call('HDEL', records, key)
  redis.call('ZREM', order, key)
  redis.call('ZREM', due, key)
end
if kept > 0 then sweep(records, order, due) end
if new ~= '' then
  if read == '' and most > 0 and redis.call('ZCARD', order) >= most then return { 'full' } end
  put(records, order, due, key, string.sub(new, 2), kept)
end
if kept > 0 then live_on(records, order, due, kept) end
redis.call('SET', note, '1', 'PX', ARGV[1])
return { 'done' }
`);

export const repoint = script(`
${cellPrelude}
local cell = KEYS[1]
local before = redis.call('HMGET', cell, 'v', 'o', 'e', 't', 'r')
if before[5] ~= ARGV[1] then touch(cell) return { 'done' } end
local change = ARGV[2] == '' and { ARGV[3], '1', '0' } or { ARGV[3], '0', '1', 'r', ARGV[2] }
local at = apply(cell, change, 0, ARGV[4], now(), before)
if not before[4] then expire(cell, at) end
return { 'done' }
`);

export const setPlainly = script(`
${cellPrelude}
local FIRST = 'firstSessionStart'
local byte, sub = string.byte, string.sub
local MOST = 4000
local function time_at(bytes, at)
  local high = (bytes[at] * 256 + bytes[at + 1]) * 256 + bytes[at + 2]
  return ((high * 256 + bytes[at + 3]) * 256 + bytes[at + 4]) * 256 + bytes[at + 5]
end
local function length_at(bytes, at)
  local a = bytes[at]
  if a < 128 then return a, at + 1 end
  local b = bytes[at + 1]
  if b < 128 then return b * 128 + a - 128, at + 2 end
  return bytes[at + 2] * 16384 + (b - 128) * 128 + a - 128, at + 3
end
local function names_in(entries, size_of_first)
  local bytes, at = { byte(entries, 1, MOST) }, 1
  local names = { [size_of_first] = {} }
  while at <= #bytes do
    local size, start = length_at(bytes, at)
    local alike = names[size]
    if not alike then
      alike = {}
      names[size] = alike
    end
    alike[sub(entries, start, start + size - 1)] = true
    local more, value = length_at(bytes, start + size)
    at = value + more
  end
  return names
end
local function others(text, bytes, at, names)
  local kept, has_first = {}, false
  local group, run, last
  while at <= #bytes do
    local a = bytes[at]
    if a == 0 then
      group = at
      at = at + 7
    else
      local size, start = a, at + 1
      if a > 127 then size, start = length_at(bytes, at) end
      if bytes[start] < 32 then return nil end
      local value = start + size
      local more = bytes[value]
      if more > 127 then more, value = length_at(bytes, value) else value = value + 1 end
      local alike, is_set = names[size], false
      if alike then
        local name = sub(text, start, start + size - 1)
        if name == FIRST then has_first = true end
        is_set = alike[name]
      end
      if not is_set then
        local begin = at
        if group and group + 7 == at then begin = group end
        if run and last ~= begin then
          kept[#kept + 1] = sub(text, run, last - 1)
          run = nil
        end
        if group and begin ~= group then kept[#kept + 1] = sub(text, group, group + 6) end
        run, last, group = run or begin, value + more, nil
      end
      at = value + more
    end
  end
  if run then kept[#kept + 1] = sub(text, run, last - 1) end
  return kept, has_first
end
local cell, note, outbox = KEYS[1], KEYS[2], KEYS[3]
local operation, new, entries, first = ARGV[1], ARGV[5], ARGV[8], ARGV[9]
local seen = redis.call('HMGET', cell, 'v', 'o', 'e', 't', 'h', 'r', 'g', 'u', ARGV[11])
local is_known = is_made(operation, seen[1], seen[2])
if not is_known and seen[2] and #seen[2] >= OPERATIONS_KEPT * ENTRY then
  is_known = redis.call('EXISTS', note) == 1
end
if is_known then
  touch(cell)
  return { 'done', seen[7] == ARGV[10] and 'created' or 'updated' }
end
local time = now()
if time > tonumber(ARGV[2]) then return { 'late' } end
if seen[4] or seen[5] or #entries > MOST then return { 'other' } end
local function store(change, changes)
  local at, is_moved = apply(cell, change, 0, operation, time, seen, sub(note, 1, -1 - ID))
  record(outbox, changes)
  if is_moved then expire(cell, at) end
end
local old = seen[6]
if not old then
  if ARGV[6] ~= '1' or seen[1] then return { 'other' } end
  local set = entries .. first
  if set ~= '' then set = ARGV[7] .. set end
  store({ ARGV[4], '0', '3', 'r', new .. set, 'g', ARGV[10], ARGV[11], ARGV[3] }, ARGV[13])
  return { 'done', 'created' }
end
if byte(old) == 123 and ARGV[12] == '' then return { 'pointer', old } end
if byte(old) ~= 3 then return { 'other' } end
if ARGV[12] ~= '' and (seen[7] ~= ARGV[12] or not seen[9]) then return { 'other' } end
if #old > MOST then return { 'other' } end
local bytes, at = { byte(old, 1, -1) }, tonumber(ARGV[3])
if time_at(bytes, 2) >= at or time_at(bytes, 8) <= at then return { 'other' } end
if seen[8] and tonumber(seen[8]) < time_at({ byte(new, 1, 33) }, 8) then return { 'other' } end
local id_length = bytes[32] * 256 + bytes[33]
local start = id_length == 65535 and 34 or 34 + id_length
local kept, has_first = others(old, bytes, start, names_in(entries, #FIRST))
if not kept then return { 'other' } end
if has_first then first = '' end
local set = entries .. first
if set ~= '' then kept[#kept + 1] = ARGV[7] .. set end
local modified = set == '' and sub(old, 2, 7) or sub(new, 2, 7)
local times = modified .. sub(new, 8, 13) .. sub(old, 14, 19) .. sub(new, 20, 25)
local changed = sub(old, 1, 1) .. times .. sub(old, 26, start - 1) .. table.concat(kept)
store({ ARGV[4], '0', '1', 'r', changed }, first == '' and ARGV[14] or ARGV[15])
return { 'done', 'updated' }
`);

export const showChanges = script(`
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return { 'off' } end
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', KEYS[1], 'shown')) then redis.call('HSET', KEYS[1], 'shown', ARGV[2]) end
redis.call('HINCRBY', KEYS[1], 'w', 1)
return { 'done' }
`);

export const trimChanges = script(`
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return { 'off' } end
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', KEYS[1], 'trimmed')) then
  redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', tonumber(ARGV[2]) + 1))
  redis.call('HINCRBY', KEYS[1], 'bytes', -tonumber(ARGV[3]))
  redis.call('HSET', KEYS[1], 'trimmed', ARGV[2])
end
redis.call('HINCRBY', KEYS[1], 'w', 1)
return { 'done' }
`);

export const turnFeed = script(`
local state, log = KEYS[1], KEYS[2]
local id = redis.call('HGET', state, 'id')
if ARGV[1] == '' and id then
  redis.call('HDEL', state, 'id')
elseif ARGV[1] ~= '' and not id then
  local last = redis.call('HGET', state, 'last') or '0'
  redis.call('HSET', state, 'id', ARGV[1], 'last', last, 'shown', last, 'trimmed', last, 'bytes', '0')
  redis.call('DEL', log)
end
redis.call('HINCRBY', state, 'w', 1)
return { 'done' }
`);

export const writePart = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'done' }
`);
