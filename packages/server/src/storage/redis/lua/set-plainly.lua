-- Sets attributes of the profile in a cell, or creates it, when only this cell and no decision is
-- involved: one script instead of a read and a script. The rules are those of `domain/profile.ts`;
-- only the packed form (`packed-profile.ts`, `attributes/packed-attributes.ts`) is known here.
-- Everything else is left to the caller, which reads and decides.
--
-- KEYS: the cell, where the operation is noted, the outbox.
-- ARGV: operation id, deadline (epoch ms of the engine), now (epoch ms), how long the cell lives
-- (ms), record of a new profile without attributes, '1' when it may be created, head of a group,
-- entries to set, an entry to set if the profile has none of its name (`firstSessionStart`) or '',
-- birth of a new profile, field of the link by which the profile is meant, birth that it must have
-- or '', what to record when it is created | updated | updated with that entry.
-- Returns done, created or updated | pointer, the pointer | other | late.

-- include cell-prelude.lua

local FIRST = 'firstSessionStart'
local byte, sub = string.byte, string.sub

-- The bytes of a text as a table, which is faster than asking for each; and how many may be asked
-- for at once. What is longer is left to the caller, so nothing here comes near the 64 KB.
local MOST = 4000
local function time_at(bytes, at)
  local high = (bytes[at] * 256 + bytes[at + 1]) * 256 + bytes[at + 2]
  return ((high * 256 + bytes[at + 3]) * 256 + bytes[at + 4]) * 256 + bytes[at + 5]
end
-- A length, and where it ends.
local function length_at(bytes, at)
  local a = bytes[at]
  if a < 128 then return a, at + 1 end
  local b = bytes[at + 1]
  if b < 128 then return b * 128 + a - 128, at + 2 end
  return bytes[at + 2] * 16384 + (b - 128) * 128 + a - 128, at + 3
end
-- The names of entries, by their length.
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
-- The entries from `at` on, except those of some names, as pieces; and whether FIRST is among them.
-- Nil when there is visitor state, which a visit may have to change.
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
-- Only a cell whose memory of operations is full has operations that are noted elsewhere.
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
-- The clock went back, the profile has expired, or pointers must live longer.
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
