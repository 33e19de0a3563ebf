-- JOIN  KEYS {p}:h {p}:s  ARGV identity heal_ms key taken_run taken_at
-- -> state run end ms_left key empty
--
-- A session begins. Where there is no head, one is made; where the server is another than the head
-- was written by, or somebody has taken what is behind its end, the tail may be lost: then it is
-- `healing` for heal_ms, and nobody publishes. key: of the ids of positions, as 32 digits; that of
-- a hub that has been here counts where nothing is left.
local call = redis.call
local function F(n) return string.format('%.0f', n) end
local H, S = KEYS[1], KEYS[2]
local h = call('HMGET', H, 'v', 'end', 'owner', 'run', 'state')
local t = call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000); local till = F(now + ARGV[2])
local taken_run, taken_at = tonumber(ARGV[4]), tonumber(ARGV[5])
local function before(a, r, p)
  local run, at = string.match(a, '^(%d+)%-(%d+)$'); run = tonumber(run)
  return run < r or (run == r and tonumber(at) < p)
end
if h[1] and h[1] ~= '1' then return redis.error_reply('FORMAT ' .. h[1]) end
if not h[1] then
  local begin, seg = F(now) .. '-0', t[1]
  call('UNLINK', S, H, string.sub(H, 1, -2) .. 'i:' .. seg, string.sub(H, 1, -2) .. 'r')
  call('HSET', H, 'v', 1, 'run', F(now), 'at', 0, 'end', begin, 'owner', ARGV[1], 'state', 'healing', 'until', till, 'count', 0, 'seg', seg, 'lo', seg,
    'sat', 0, 'scount', 0, 'stime', F(now), 'last', '', 'rem', begin, 'remid', '', 'rcount', 0, 'cut', begin, 'rtime', F(now), 'key', ARGV[3], 'active', 0)
elseif h[3] ~= ARGV[1] or (h[5] == 'open' and taken_run > 0 and before(h[2], taken_run, taken_at) and tonumber(h[4]) <= taken_run) then
  local x = call('XREVRANGE', S, '+', '-', 'COUNT', 1)
  if x[1] and x[1][1] ~= h[2] then
    -- Somebody else has written into the stream: what stands before that is removed.
    local fin, g = x[1][1], call('HMGET', H, 'seg', 'lo', 'count')
    local run, at = string.match(fin, '^(%d+)%-(%d+)$'); local seg = F(g[1] + 1)
    for s = g[2], g[1] do call('UNLINK', string.sub(H, 1, -2) .. 'i:' .. F(s)); call('HDEL', H, 'g:' .. F(s)) end
    call('UNLINK', S, string.sub(H, 1, -2) .. 'i:' .. seg)
    call('HSET', H, 'run', F(math.max(h[4], tonumber(run))), 'end', fin, 'at', at, 'rem', fin, 'remid', '', 'rcount', g[3], 'cut', fin,
      'seg', seg, 'lo', seg, 'sat', at, 'scount', g[3], 'stime', F(now), 'last', '')
  end
  call('HSET', H, 'owner', ARGV[1], 'state', 'healing', 'until', till)
end
-- Nodes that have published nothing for an hour: what they asked for has been given up by now.
local old = call('HMGET', H, 'rtime', 'rem')
if now - old[1] > 3600000 then
  local run, at = string.match(old[2], '^(%d+)%-(%d+)$')
  local fields = call('HGETALL', H)
  for i = 1, #fields, 2 do
    local place = string.sub(fields[i], 1, 2) == 'n:' and string.match(fields[i + 1], ' (%S+)$')
    if place and before(place, tonumber(run), tonumber(at)) then call('HDEL', H, fields[i]) end
  end
end
h = call('HMGET', H, 'state', 'run', 'end', 'until', 'key', 'count')
local empty = h[6] == '0' and h[3] == h[2] .. '-0'
if empty and taken_run > 0 and h[1] == 'healing' then call('HSET', H, 'key', ARGV[3]); h[5] = ARGV[3] end
return {h[1], h[2], h[3], math.max(0, h[4] - now), h[5], empty and 1 or 0}
