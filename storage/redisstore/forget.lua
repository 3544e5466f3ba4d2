-- Takes names out of the index whose records Redis has dropped. It looks again,
-- because one may have been written anew since the caller missed it.
--
-- KEYS: the records, then the index of the shard.
local index = KEYS[#KEYS]
for i = 1, #KEYS - 1 do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call('ZREM', index, string.sub(KEYS[i], #index + 2))
  end
end
return 1
