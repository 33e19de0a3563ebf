-- OPEN  KEYS {p}:h  ARGV identity taken_run -> state run end ms_left key empty
--
-- After the healing anybody opens: a new run, later than any that the head or the hub that asks has
-- seen. The end stays where it is; the next record names it as its predecessor.
local call = redis.call
local function F(n) return string.format('%.0f', n) end
local H, I = KEYS[1], string.sub(KEYS[1], 1, -2) .. 'i:'
local h = call('HMGET', H, 'owner', 'state', 'until', 'run', 'end', 'seg', 'count', 'last', 'scount', 'at', 'key')
if h[1] ~= ARGV[1] then return redis.error_reply('RUN ' .. tostring(h[4])) end
local t = call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
if h[2] == 'open' or now < tonumber(h[3]) then
  return {h[2], h[4], h[5], math.max(0, h[3] - now), h[11], h[7] == '0' and h[5] == h[4] .. '-0' and 1 or 0}
end
local run = F(math.max(now, h[4] + 1, ARGV[2] + 1))
if h[7] ~= h[9] then   -- a segment is of one run
  local seg = F(h[6] + 1)
  call('HSET', H, 'g:' .. h[6], h[5] .. ' ' .. h[7] .. ' ' .. F(now) .. ' ' .. h[8], 'seg', seg, 'sat', h[10], 'scount', h[7], 'stime', F(now))
  call('UNLINK', I .. seg)
end
call('HSET', H, 'run', run, 'state', 'open', 'active', call('HLEN', string.sub(H, 1, -2) .. 'r'))
return {'open', run, h[5], 0, h[11]}
