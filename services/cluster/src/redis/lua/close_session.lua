-- Gives a session back. A count that was swept with its edge stays away.
--
-- KEYS  the app's sessions (registration -> count), its use in the period
-- ARGV  the edge's registration, how long a period is remembered in milliseconds
-- Returns how many sessions of this edge are still counted.
local sessions, used = KEYS[1], KEYS[2]
local count = tonumber(redis.call('HGET', sessions, ARGV[1]))
if not count then return 0 end

-- The first to leave in a new period takes the most that were ever there in it along.
local total = 0
for _, others in ipairs(redis.call('HVALS', sessions)) do total = total + others end
if total > tonumber(redis.call('HGET', used, 'sessions_peak') or 0) then
  redis.call('HSET', used, 'sessions_peak', total)
  if redis.call('PTTL', used) < 0 then redis.call('PEXPIRE', used, ARGV[2]) end
end

if count > 1 then return redis.call('HINCRBY', sessions, ARGV[1], -1) end
redis.call('HDEL', sessions, ARGV[1])
return 0
