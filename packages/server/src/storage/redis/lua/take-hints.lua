-- Takes hints out. Those that are lost on the way are found by looking at every outbox.
--
-- KEYS: the hints.
-- ARGV: how many.
-- Returns done and the tags.

return { 'done', redis.call('SPOP', KEYS[1], ARGV[1]) }
