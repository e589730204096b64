// Buffers behind handles. A handle is generation · SLOTS + slot: one that was freed never opens again.
#pragma once
#include <stdint.h>

namespace shoshin {

// The right side of a multiply as the kernel reads it, kept while the storage that it came from is not written to.
struct Packed {
  int64_t offset, n, k, ld;
  int transposed, precision;
  const void* reader;  // whose kernel
  int uses;
  float* data;  // null until it pays
  int64_t bytes;
  Packed* next;
};

struct Buffer {
  char* data;
  int64_t length;  // in elements
  int64_t bytes;   // as allocated
  int dtype;
  uint32_t generation;
  bool live;
  int keeper;      // which JavaScript thread made it
  Packed* packed;
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
#if !defined(__wasm__)
// What this thread makes from now on belongs to a keeper (never 0), and goes with it.
void storage_keeper(int keeper);
void storage_abandon(int keeper);
#endif
// Null for a handle that is not live.
const Buffer* storage_open(int64_t handle);
// What is kept of a live storage like `like`, with one use more; null without memory.
Packed* storage_packed(int64_t handle, const Packed& like);
// Memory for it, or null where that would be more than a small part of the machine's.
float* storage_pack(Packed* p, int64_t bytes);
// What is kept of it is out of date.
void storage_written(int64_t handle);
void storage_trim();
int64_t storage_stat(int which);

}  // namespace shoshin
