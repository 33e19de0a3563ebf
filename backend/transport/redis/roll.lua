-- ROLL  KEYS {p}:h  ARGV identity end | who record, for each -> active end
--
-- Who is active, as a hub knows it that has taken all up to the end: what is missing is put back. Without
-- any it is asked how many there are.
local call = redis.call
local function F(n) return string.format('%.0f', n) end
local H, R = KEYS[1], string.sub(KEYS[1], 1, -2) .. 'r'
local h = call('HMGET', H, 'owner', 'end', 'state', 'until')
if h[1] ~= ARGV[1] then return redis.error_reply('RUN ' .. tostring(h[1])) end
if h[2] == ARGV[2] and #ARGV > 2 then
  for i = 3, #ARGV, 2 do call('HSETNX', R, ARGV[i], ARGV[i + 1]) end
  call('HSET', H, 'active', call('HLEN', R))
  local t = call('TIME')
  if h[3] == 'healing' then call('HSET', H, 'until', F(math.max(tonumber(h[4]), t[1] * 1000 + math.floor(t[2] / 1000) + 1000))) end
end
return {call('HLEN', R), h[2]}
