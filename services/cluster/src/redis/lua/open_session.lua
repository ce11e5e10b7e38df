-- Takes one of an app's concurrent sessions, exactly.
--
-- KEYS  the app's sessions (registration -> count), its use in the period
-- ARGV  the edge's registration, the limit ('' for none), 'refused' or 'counted' (what to do at the limit),
--       how long a period is remembered in milliseconds, then the registrations that are known to be dead
-- Returns 1 if the session was opened, else 0, and how many there are now.
local sessions, used = KEYS[1], KEYS[2]
local limit = tonumber(ARGV[2])
for i = 5, #ARGV do redis.call('HDEL', sessions, ARGV[i]) end
local total = 0
for _, count in ipairs(redis.call('HVALS', sessions)) do total = total + count end

local above = limit and total >= limit
if above and ARGV[3] == 'refused' then return { 0, total } end
if above then redis.call('HINCRBY', used, 'sessions_overage', 1) end
redis.call('HINCRBY', sessions, ARGV[1], 1)
total = total + 1
if total > tonumber(redis.call('HGET', used, 'sessions_peak') or 0) then
  redis.call('HSET', used, 'sessions_peak', total)
end
if redis.call('PTTL', used) < 0 then redis.call('PEXPIRE', used, ARGV[4]) end
return { 1, total }
