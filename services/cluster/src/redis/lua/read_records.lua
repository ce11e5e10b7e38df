-- One record of a shelf, or all.
--
-- KEYS  the records of a shelf, which of them expire when
-- ARGV  the record's name, or '' for all
-- Returns name, version and value of each that has not expired, in no order
local time = redis.call('TIME')
local now_ms = math.floor((time[1] * 1000000 + time[2]) / 1000)
local found = {}

local function add(name, known)
  local version, ends, value = string.match(known, '^(%d+) (%d+) (.*)$')
  if tonumber(ends) == 0 or tonumber(ends) > now_ms then
    table.insert(found, name)
    table.insert(found, version)
    table.insert(found, value)
  end
end

if ARGV[1] ~= '' then
  local known = redis.call('HGET', KEYS[1], ARGV[1])
  if known then add(ARGV[1], known) end
else
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do add(all[i], all[i + 1]) end
end
return found
