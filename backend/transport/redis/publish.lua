-- PUBLISH  KEYS {p}:h {p}:s
-- ARGV run node first seen max_bytes max_events max_age_ms | flags id topics event, for each
-- -> wrote position more held_events held_bytes oldest_ms removed
--
-- Appends what is numbered later than what this node has here already, enters the ids, seals a
-- segment that is a sixteenth of a bound, and removes whole segments past the bounds. The position
-- is that of this node's last update here, or of the end where it has none. more: call again, the
-- stream is still to be trimmed. Without updates it looks after the history alone. Where the stream
-- has fewer entries than it should, the head goes too, as if all had been lost; where it is the hash
-- of who is active that is not there, it is healing.
--
-- A begin (flag 4) or an end (8) of an active subscription goes into the hash of those, or out of it;
-- an end of one that is not there is passed over: somebody else has written it.
local call = redis.call
local function F(n) return string.format('%.0f', n) end
local H, S, I, R = KEYS[1], KEYS[2], string.sub(KEYS[1], 1, -2) .. 'i:', string.sub(KEYS[1], 1, -2) .. 'r'
local h = call('HMGET', H, 'run', 'state', 'at', 'n:' .. ARGV[2], 'end', 'count', 'seg', 'sat', 'scount', 'stime', 'lo', 'last', 'rem', 'rcount', 'cut', 'rtime', 'active')
if h[1] ~= ARGV[1] or h[2] ~= 'open' then return redis.error_reply('RUN ' .. tostring(h[1])) end
local run, at, fin, count, last = h[1], tonumber(h[3]), h[5], tonumber(h[6]), h[12]
local seg, sat, sn, st, lo = tonumber(h[7]), tonumber(h[8]), tonumber(h[9]), tonumber(h[10]), tonumber(h[11])
local mb, me, ma = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
if at < tonumber(ARGV[4]) then return redis.error_reply('BEHIND ' .. h[3]) end
if call('XLEN', S) < count - tonumber(h[14]) then
  for s = lo, seg do call('UNLINK', I .. F(s)) end
  call('UNLINK', H)
  return redis.error_reply('RUN lost')
end
local active, passed = tonumber(h[17] or 0), false
if #ARGV == 7 and call('HLEN', R) ~= active then
  local t = call('TIME')
  call('HSET', H, 'state', 'healing', 'until', F(t[1] * 1000 + 500))
  return redis.error_reply('RUN who is active is lost')
end
local done, pos, at0 = 0, nil, at
if h[4] then done, pos = string.match(h[4], '^(%d+) (%S+)$'); done = tonumber(done) end
local t = call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function seal()
  call('HSET', H, 'g:' .. F(seg), fin .. ' ' .. F(count) .. ' ' .. F(now) .. ' ' .. last)
  seg = seg + 1; sat = at; sn = count; st = now
  call('UNLINK', I .. F(seg))
end
-- Its field, and the mark of who is the same: of the first topic, which is all it has, and what follows.
local function subscription(flags, topics)
  local n = string.match(topics, '^%d+')
  return (flags % 64 >= 32 and '1' or '0') .. string.sub(topics, #n + 2, #n + 1 + n), string.sub(topics, #n + 2 + n)
end
if count > sn and (now - st) * 16 >= ma then seal() end
local number, wrote = tonumber(ARGV[3]), 0
local rem, rn, cut, oldest = h[13], tonumber(h[14]), h[15], tonumber(h[16])
for i = 8, #ARGV, 4 do
  if number > done then
    local id, topics, event = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local flags = tonumber(ARGV[i])
    local kind, who, same = flags % 16 - flags % 4, nil, nil
    if kind > 0 then who, same = subscription(flags, topics) end
    if kind == 8 and call('HEXISTS', R, who) == 0 then
      passed = true
    else
      if count > sn and ((at - sat) * 16 >= mb or (count - sn) * 16 >= me) then seal() end
      if count == sn then st = now end
      if count == rn then oldest = now end
      at = at + #id + #topics + #event + 64; count = count + 1; wrote = wrote + 1; last = id
      pos = run .. '-' .. F(at)
      local known = ''
      if flags % 32 >= 16 then
        known = 'k'
      elseif flags % 4 >= 2 then
        for s = lo, seg - 1 do if call('HEXISTS', I .. F(s), id) == 1 then known = 'k'; flags = flags + 64; break end end
      end
      if string.match(fin, '^%d+') == run then
        call('XADD', S, pos, 'f', flags, 'b', ARGV[2] .. ' ' .. F(number), 'i', id, 't', topics, 'e', event)
      else
        call('XADD', S, pos, 'f', flags, 'b', ARGV[2] .. ' ' .. F(number), 'i', id, 't', topics, 'e', event, 'p', fin)
      end
      call('HSETNX', I .. F(seg), id, known .. F(at))
      fin = pos
      if kind == 8 then active = active - call('HDEL', R, who) end
      if kind == 4 then active = active + call('HSET', R, who, pos .. ' ' .. ARGV[2] .. ' ' .. same .. ' ' .. event) end
    end
  end
  number = number + 1
end
local set = {'HSET', H, 'at', F(at), 'end', fin, 'count', F(count), 'seg', F(seg), 'sat', F(sat), 'scount', F(sn), 'stime', F(st), 'last', last, 'rtime', F(oldest), 'active', active}
if wrote > 0 then set[#set + 1] = 'n:' .. ARGV[2]; set[#set + 1] = F(number - 1) .. ' ' .. pos end
while lo < seg do
  local gp, gn, gt, gi = string.match(call('HGET', H, 'g:' .. F(lo)), '^(%S+) (%d+) (%d+) (.*)$')
  gt = tonumber(gt)
  if at - tonumber(string.match(rem, '%-(%d+)')) <= mb and count - rn <= me and now - gt <= ma then break end
  rem, rn, oldest = gp, tonumber(gn), gt
  call('HSET', H, 'rem', rem, 'remid', gi, 'rcount', F(rn), 'lo', F(lo + 1))
  call('HDEL', H, 'g:' .. F(lo)); call('UNLINK', I .. F(lo)); lo = lo + 1
end
if cut ~= rem then   -- a slice: 1 MiB, and twice what came
  local r1, a1 = string.match(cut, '(%d+)%-(%d+)'); local r2, a2 = string.match(rem, '(%d+)%-(%d+)')
  local slice = 1048576 + 2 * (at - at0)
  cut = r1 == r2 and a2 - a1 > slice and r1 .. '-' .. F(a1 + slice) or rem
  local r, a = string.match(cut, '(%d+)%-(%d+)')
  call('XTRIM', S, 'MINID', r .. '-' .. F(a + 1)); set[#set + 1] = 'cut'; set[#set + 1] = cut
end
call(unpack(set))
return {wrote, passed and fin or pos or fin, cut == rem and 0 or 1, count - rn, at - tonumber(string.match(rem, '%-(%d+)')), count > rn and oldest or 0, rem}
