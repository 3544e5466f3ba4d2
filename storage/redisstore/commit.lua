-- Applies a batch, or changes nothing. Returns 1 when it was applied, 0 when a
-- condition did not hold.
--
-- KEYS: the index of the shard, then the record of each op.
-- ARGV: the time, then for each op
--   what to do:         put | point | delete | check
--   what must be there: any, or a version, which is empty for nothing
--   the record to write
--   the milliseconds after which Redis may drop it, or empty
local index = KEYS[1]
local now = tonumber(ARGV[1])

-- A script that stops halfway is not undone, so everything is checked before
-- anything is written.
for i = 2, #KEYS do
  local wanted = ARGV[4 * i - 5]
  if wanted ~= 'any' then
    local head = redis.call('GETRANGE', KEYS[i], 0, 23)
    local found = ''
    if #head == 24 then
      local expires = struct.unpack('>I8', head, 17)
      if expires == 0 or expires > now then
        found = string.sub(head, 1, 16)
      end
    elseif head ~= '' then
      return redis.error_reply('SYMBOLON a damaged record')
    end
    if found ~= wanted then
      return 0
    end
  end
end

-- The index goes first: if it turns out to be a foreign key, or the memory is
-- full, the first write fails and there was no other.
local listed, unlisted = {}, {}
for i = 2, #KEYS do
  local act = ARGV[4 * i - 6]
  local name = string.sub(KEYS[i], #index + 2)
  if act == 'put' then
    listed[#listed + 1] = 0
    listed[#listed + 1] = name
  elseif act == 'delete' then
    unlisted[#unlisted + 1] = name
  end
end
if #listed > 0 then
  redis.call('ZADD', index, unpack(listed))
end
if #unlisted > 0 then
  redis.call('ZREM', index, unpack(unlisted))
end

for i = 2, #KEYS do
  local act, record, life = ARGV[4 * i - 6], ARGV[4 * i - 4], ARGV[4 * i - 3]
  if act == 'delete' then
    redis.call('DEL', KEYS[i])
  elseif act ~= 'check' then
    if life == '' then
      redis.call('SET', KEYS[i], record)
    else
      redis.call('SET', KEYS[i], record, 'PX', life)
    end
  end
end
return 1
