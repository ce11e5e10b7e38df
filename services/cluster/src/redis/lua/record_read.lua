-- Records of a shelf, without those that have expired.
--
-- KEYS  the shelf (name -> version, end, value)
-- ARGV  a name, or nothing for all
-- Returns for each its name, version and value.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local all
if ARGV[1] then
  local stored = redis.call('HGET', KEYS[1], ARGV[1])
  all = stored and { ARGV[1], stored } or {}
else
  all = redis.call('HGETALL', KEYS[1])
end
local living = {}
for i = 1, #all, 2 do
  local version, ends, value = string.match(all[i + 1], '^(%d+) (%d+) (.*)$')
  if ends == '0' or tonumber(ends) > now then
    living[#living + 1] = all[i]
    living[#living + 1] = version
    living[#living + 1] = value
  end
end
return living
