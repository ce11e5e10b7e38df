-- Every record of a shelf is removed.
--
-- KEYS  the records of a shelf, which of them expire when
-- Returns how many there were that had not expired
local time = redis.call('TIME')
local now_ms = math.floor((time[1] * 1000000 + time[2]) / 1000)
local over = redis.call('ZCOUNT', KEYS[2], '-inf', string.format('%.0f', now_ms))
local left = redis.call('HLEN', KEYS[1]) - over
redis.call('DEL', KEYS[1], KEYS[2])
return string.format('%.0f', left)
