#include "storage.h"

#include <stdlib.h>

#if !defined(__wasm__)
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "kernels.h"

namespace shoshin {
namespace {

#if defined(__wasm__)
// Storages belong to the one JavaScript thread that opened the module.
struct Locked {};
constexpr int current_keeper = 0;
int64_t limit = (int64_t)1 << 30;
int64_t physical_bytes() { return limit; }
#else
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct Locked {
  Locked() { pthread_mutex_lock(&lock); }
  ~Locked() { pthread_mutex_unlock(&lock); }
};
thread_local int current_keeper = 0;
int64_t physical_bytes() {
  static const int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
  return bytes > 0 ? bytes : (int64_t)1 << 62;
}
#endif
Buffer buffers[SLOTS];
uint32_t free_slots[SLOTS];
int64_t free_count = 0, used_slots = 1;  // slot 0 stays empty
int64_t live_count = 0, live_bytes = 0, pooled_bytes = 0, peak_bytes = 0;

// Free blocks are kept by size class for the next step, which will ask for the same sizes.
struct Free { Free* next; };
constexpr int CLASSES = 512;
Free* pool[CLASSES];
// When a block of the class was last asked for or given back, in such events.
int64_t used_at[CLASSES], events = 0;

// Classes: powers of two up to 1 KiB, then eight to each doubling.
int64_t class_bytes(int64_t bytes, int* index) {
  if (bytes <= 1024) {
    int64_t size = 64;
    int i = 0;
    while (size < bytes) {
      size *= 2;
      i++;
    }
    *index = i;
    return size;
  }
  int shift = 10;
  while (((int64_t)1 << (shift + 1)) < bytes) shift++;
  const int64_t base = (int64_t)1 << shift, step = base / 8;
  const int64_t eighth = (bytes - base + step - 1) / step;
  *index = 5 + (shift - 10) * 8 + (int)eighth;
  return base + eighth * step;
}

void trim_locked() {
  for (Free*& list : pool) {
    while (list) {
      Free* next = list->next;
      free(list);
      list = next;
    }
  }
  pooled_bytes = 0;
}

// Large pages where they fit whole: weights that are read once a call would otherwise wait for page tables.
void* pages(int64_t bytes) {
  void* data = nullptr;
#ifdef MADV_HUGEPAGE
  constexpr int64_t LARGE = 2 << 20;
  if (bytes >= LARGE) {
    if (posix_memalign(&data, LARGE, (size_t)bytes) != 0) return nullptr;
    madvise(data, (size_t)(bytes / LARGE * LARGE), MADV_HUGEPAGE);
    return data;
  }
#endif
  return posix_memalign(&data, 64, (size_t)bytes) == 0 ? data : nullptr;
}

// The size that class_bytes gives a class.
int64_t bytes_of(int index) {
  if (index < 5) return (int64_t)64 << index;
  const int64_t base = (int64_t)1 << (10 + (index - 5) / 8);
  return base + base / 8 * ((index - 5) % 8);
}

// Blocks of this many classes above serve too, where they are large: batches of texts ask for a new size at every step.
constexpr int WIDER = 8;
constexpr int64_t LARGE_BLOCK = 1 << 18;

// A block of the class, or of one above it: `bytes` and `index` are what it has.
char* take(int64_t& bytes, int& index) {
  used_at[index] = ++events;
  for (int i = index; i < CLASSES && i <= index + (bytes >= LARGE_BLOCK ? WIDER : 0); i++) {
    if (Free* block = pool[i]) {
      pool[i] = block->next;
      bytes = i == index ? bytes : bytes_of(i);
      index = i;
      used_at[i] = events;
      pooled_bytes -= bytes;
      return (char*)block;
    }
  }
  if (live_bytes + bytes > physical_bytes()) return nullptr;
  void* data = pages(bytes);
  if (!data) {
    trim_locked();
    data = pages(bytes);
  }
  return (char*)data;
}

// As much lies unused as has ever been in use, at most: classes that nobody asks for any longer go first.
constexpr int64_t LEAST_POOL = 64 << 20;
void shrink_pool() {
  const int64_t most = peak_bytes > LEAST_POOL ? peak_bytes : LEAST_POOL;
  while (pooled_bytes > most) {
    int oldest = -1;
    for (int i = 0; i < CLASSES; i++)
      if (pool[i] && (oldest < 0 || used_at[i] < used_at[oldest])) oldest = i;
    Free* block = pool[oldest];
    pool[oldest] = block->next;
    pooled_bytes -= bytes_of(oldest);
    free(block);
  }
}

// Of the machine's memory, at most one part in so many holds packed copies.
constexpr int64_t PACKED_PART = 32;
int64_t packed_bytes = 0;

void drop(Buffer& b) {
  while (Packed* p = b.packed) {
    b.packed = p->next;
    packed_bytes -= p->bytes;
    free(p->data);
    free(p);
  }
}

}  // namespace

Packed* storage_packed(int64_t handle, const Packed& like) {
  Locked guard;
  Buffer& b = buffers[handle % SLOTS];
  for (Packed* p = b.packed; p; p = p->next)
    if (p->offset == like.offset && p->n == like.n && p->k == like.k && p->ld == like.ld && p->transposed == like.transposed &&
        p->precision == like.precision && p->reader == like.reader) {
      p->uses++;
      return p;
    }
  void* place = nullptr;
  if (posix_memalign(&place, 64, sizeof(Packed)) != 0) return nullptr;
  Packed* p = (Packed*)place;
  *p = like;
  p->uses = 1;
  p->next = b.packed;
  return b.packed = p;
}

float* storage_pack(Packed* p, int64_t bytes) {
  Locked guard;
  if (bytes > physical_bytes() / PACKED_PART - packed_bytes) return nullptr;
  void* data = pages(bytes);
  if (!data) return nullptr;
  packed_bytes += p->bytes = bytes;
  return p->data = (float*)data;
}

void storage_written(int64_t handle) {
  Buffer& b = buffers[handle % SLOTS];
  if (!b.packed) return;
  Locked guard;
  drop(b);
}

#if defined(__wasm__)
void storage_limit(int64_t bytes) { limit = bytes; }
#endif

int64_t storage_alloc(int64_t length, int dtype) {
  if (length > ((int64_t)1 << 46) / item_size(dtype)) return 0;
  int64_t bytes = length * item_size(dtype);
  int index;
  bytes = class_bytes(bytes, &index);
  if (index >= CLASSES) return 0;
  Locked guard;
  int64_t slot;
  if (free_count > 0) slot = free_slots[--free_count];
  else if (used_slots < SLOTS) slot = used_slots++;
  else return 0;
  char* data = take(bytes, index);
  if (!data) {
    free_slots[free_count++] = (uint32_t)slot;
    return 0;
  }
  Buffer& b = buffers[slot];
  b = {data, length, bytes, dtype, b.generation % (uint32_t)MAX_GENERATION + 1, true, current_keeper, nullptr};
  live_count++;
  live_bytes += bytes;
  if (live_bytes > peak_bytes) peak_bytes = live_bytes;
  return (int64_t)b.generation * SLOTS + slot;
}

const Buffer* storage_open(int64_t handle) {
  if (handle <= 0) return nullptr;
  const Buffer& b = buffers[handle % SLOTS];
  return b.live && (int64_t)b.generation == handle / SLOTS ? &b : nullptr;
}

namespace {
void give_back(int64_t slot) {
  Buffer& b = buffers[slot];
  b.live = false;
  drop(b);
  live_count--;
  live_bytes -= b.bytes;
  int index;
  class_bytes(b.bytes, &index);
  Free* block = (Free*)b.data;
  block->next = pool[index];
  pool[index] = block;
  used_at[index] = ++events;
  pooled_bytes += b.bytes;
  shrink_pool();
  free_slots[free_count++] = (uint32_t)slot;
}
}  // namespace

bool storage_free(int64_t handle) {
  Locked guard;
  if (!storage_open(handle)) return false;
  give_back(handle % SLOTS);
  return true;
}

#if !defined(__wasm__)
void storage_keeper(int keeper) { current_keeper = keeper; }
void storage_abandon(int keeper) {
  Locked guard;
  for (int64_t slot = 1; slot < used_slots; slot++)
    if (buffers[slot].live && buffers[slot].keeper == keeper) give_back(slot);
}
#endif

void storage_trim() {
  Locked guard;
  trim_locked();
}

int64_t storage_stat(int which) {
  Locked guard;
  switch (which) {
    case 0: return live_count;
    case 1: return live_bytes;
    case 2: return pooled_bytes;
    case 3: return peak_bytes;
    case 4: return packed_bytes;
    default: return -1;
  }
}

}  // namespace shoshin
