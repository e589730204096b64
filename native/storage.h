// Buffers behind handles. A handle is generation · SLOTS + slot: one that was freed never opens again.
#pragma once
#include <stdint.h>

namespace shoshin {

struct Buffer {
  char* data;
  int64_t length;  // in elements
  int64_t bytes;   // as allocated
  int dtype;
  uint32_t generation;
  bool live;
};

#if defined(__wasm__)
constexpr int64_t SLOTS = 1 << 17;
// Bytes that the memory may grow to.
void storage_limit(int64_t bytes);
#else
constexpr int64_t SLOTS = 1 << 20;
#endif
constexpr int64_t MAX_GENERATION = (int64_t)1 << 31;

// Handle, or 0 when memory or slots are exhausted.
int64_t storage_alloc(int64_t length, int dtype);
// False for a handle that is not live.
bool storage_free(int64_t handle);
// Null for a handle that is not live.
const Buffer* storage_open(int64_t handle);
void storage_trim();
int64_t storage_stat(int which);

}  // namespace shoshin
