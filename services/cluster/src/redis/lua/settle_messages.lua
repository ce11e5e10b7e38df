-- An edge states what it has used of an app's messages in a period, and draws credit for more.
--
-- KEYS  the app's use in the period
-- ARGV  the edge's incarnation, its attempts in the period so far, the credit that it still has,
--       the limit ('' for none), 'refused' or 'counted' (what to do at the limit),
--       credit is at most this part of what remains, and at most this much in all (0: draw nothing),
--       how long a period is remembered in milliseconds
-- Returns the credit drawn now, and the attempts of all edges.
--
-- An edge states totals, so that saying it twice, or again after writes were lost, changes nothing. A message is credit
-- until it becomes an attempt; as long as attempts and credit together stay within the limit, so do the messages.
local used = KEYS[1]
local attempts, credit = tonumber(ARGV[2]), tonumber(ARGV[3])
local limit, part, most = tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7])
local counted, held = 'attempts:' .. ARGV[1], 'credit:' .. ARGV[1]

local function text(number) return string.format('%.0f', number) end

local function state(total, own, now)
  local change = now - tonumber(redis.call('HGET', used, own) or 0)
  if change == 0 then return tonumber(redis.call('HGET', used, total) or 0) end
  if now > 0 then redis.call('HSET', used, own, text(now)) else redis.call('HDEL', used, own) end
  return redis.call('HINCRBY', used, total, text(change))
end

local before = tonumber(redis.call('HGET', used, 'messages') or 0)
local messages = state('messages', counted, attempts)
if limit and ARGV[5] == 'counted' then
  local above = math.max(0, messages - limit) - math.max(0, before - limit)
  if above ~= 0 then redis.call('HINCRBY', used, 'messages_overage', text(above)) end
end
local outstanding = state('credit', held, credit)

local drawn = 0
if limit and ARGV[5] == 'refused' and most > 0 then
  local remaining = math.max(0, limit - messages - outstanding)
  drawn = math.min(remaining, math.max(1, math.min(most, math.floor(remaining / part))))
  if drawn > 0 then state('credit', held, credit + drawn) end
end
if redis.call('PTTL', used) < 0 then redis.call('PEXPIRE', used, ARGV[8]) end
return { text(drawn), text(messages) }
