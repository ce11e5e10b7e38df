-- What an app uses and has used in a period.
--
-- KEYS  the app's sessions (registration -> count), its use in the period
-- ARGV  the registrations that are known to be dead
-- Returns sessions, their peak, sessions above the limit, messages, messages above the limit.
local dead, total = {}, 0
for _, registration in ipairs(ARGV) do dead[registration] = true end
local sessions = redis.call('HGETALL', KEYS[1])
for i = 1, #sessions, 2 do
  if not dead[sessions[i]] then total = total + sessions[i + 1] end
end
local known = redis.call('HMGET', KEYS[2], 'sessions_peak', 'sessions_overage', 'messages', 'messages_overage')
local peak = math.max(total, tonumber(known[1] or 0))
return { total, peak, known[2] or '0', known[3] or '0', known[4] or '0' }
