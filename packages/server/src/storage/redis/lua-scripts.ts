/** The Lua scripts of `lua/`. Made by `npm run lua`; change the files there. */

import { script } from './script.ts';

export const addRecords = script(`
local SWEPT_AT_ONCE = 16
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
end
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
local SWEPT_AT_ONCE = 16
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
end
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
