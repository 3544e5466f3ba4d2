-- Applies a batch, or changes nothing. Returns 1 when it was applied, 0 when a
-- condition did not hold.
--
-- KEYS: the record of each op, then the index of the shard if an op changes it.
-- ARGV: the time, then for each op
--   what to do:         put | point | delete | check
--   what must be there: any, or a version, which is empty for nothing
--   the record to write
--   the milliseconds after which Redis may drop it, or empty
local now = tonumber(ARGV[1])
local ops = (#ARGV - 1) / 4
local index = KEYS[ops + 1]

-- A script that stops halfway is not undone, so everything is checked before
-- anything is written.
for i = 1, ops do
  local wanted = ARGV[4 * i - 1]
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

-- The index goes first: if it turns out to be somebody else's key, or the memory
-- is full, the first write fails and there was no other.
if index then
  for i = 1, ops do
    local act = ARGV[4 * i - 2]
    if act == 'put' then
      redis.call('ZADD', index, 0, string.sub(KEYS[i], #index + 2))
    elseif act == 'delete' then
      redis.call('ZREM', index, string.sub(KEYS[i], #index + 2))
    end
  end
end

for i = 1, ops do
  local act, record, life = ARGV[4 * i - 2], ARGV[4 * i], ARGV[4 * i + 1]
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
