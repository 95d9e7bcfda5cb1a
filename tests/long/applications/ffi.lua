-- SPDX-License-Identifier: Apache-2.0
-- malloc and free from compiled traces, callbacks from C, and LuaJIT's own garbage.
local ffi = require "ffi"
ffi.cdef [[ void *malloc (size_t); void free (void *); void *realloc (void *, size_t);
void qsort (void *, size_t, size_t, int (*) (const int *, const int *)); ]]
local C, sum = ffi.C, 0
local function churn (n)
  local ring = ffi.new ("void *[64]")
  for i = 1, n do
    local k = i % 64
    if ring[k] ~= nil then C.free (ring[k]) end
    ring[k] = C.malloc (16 + i % 200)
    ffi.cast ("int *", ring[k])[0] = i
    sum = (sum + ffi.cast ("int *", ring[k])[0]) % 1000003
    if i % 7 == 0 then ring[k] = C.realloc (ring[k], 300 + i % 100) end
  end
  for k = 0, 63 do C.free (ring[k]) end
end
churn (400000)
local numbers = ffi.new ("int[64]")
for i = 0, 63 do numbers[i] = (i * 7919) % 101 end
local compare = ffi.cast ("int (*) (const int *, const int *)", function (a, b) C.free (C.malloc (24)); return a[0] - b[0] end)
for i = 1, 100 do C.qsort (numbers, 64, 4, compare); numbers[0] = 1000 - i end
local t, s = {}, {}
for i = 1, 300000 do t[i] = { x = i, y = "s" .. i } end
for i = 1, #t, 1000 do s[#s + 1] = t[i].y end
print (sum, #table.concat (s), numbers[63])
