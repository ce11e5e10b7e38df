-- An edge states how many sessions of an app it has: after a doubt about Redis, or in place of a dead edge (none).
--
-- KEYS  the app's sessions (registration -> count), its use in the period
-- ARGV  registration, its count, how long a period is remembered in milliseconds
-- Returns what was counted for it before, and how many sessions there are now.
local sessions, used = KEYS[1], KEYS[2]
local before = tonumber(redis.call('HGET', sessions, ARGV[1]) or 0)
if tonumber(ARGV[2]) > 0 then
  redis.call('HSET', sessions, ARGV[1], ARGV[2])
else
  redis.call('HDEL', sessions, ARGV[1])
end
local total = 0
for _, count in ipairs(redis.call('HVALS', sessions)) do total = total + count end
if total > tonumber(redis.call('HGET', used, 'sessions_peak') or 0) then
  redis.call('HSET', used, 'sessions_peak', total)
  if redis.call('PTTL', used) < 0 then redis.call('PEXPIRE', used, ARGV[3]) end
end
return { before, total }
