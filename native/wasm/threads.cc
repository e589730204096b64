// The pool of threads.h where threads are workers of JavaScript that share this memory: each runs `sh_worker`, which never
// returns. The calling thread only ever spins, because a page's main thread may not wait. Built without
// SHOSHIN_WASM_THREADS there is one thread.
#include "../threads.h"

#include <stdlib.h>

extern "C" __attribute__((import_module("env"), import_name("now"))) double js_now();
double shoshin::now_seconds() { return js_now() / 1000; }

#if !defined(SHOSHIN_WASM_THREADS)

int shoshin::thread_count() { return 1; }
void shoshin::set_thread_count(int) {}
void shoshin::parallel(int64_t tasks, void (*task)(void*, int64_t), void* context) {
  for (int64_t i = 0; i < tasks; i++) task(context, i);
}

#else

namespace shoshin {
namespace {

struct Job {
  void (*task)(void*, int64_t);
  void* context;
  int64_t tasks;
};
Job job;
int64_t next_task = 0;
int32_t epoch = 0, inside = 0, is_open = 0, sleeping = 0, ready = 0;
int wanted = 1;
thread_local bool busy = false;

constexpr int SPINS = 2000;
// Seconds of waiting for one task before its worker counts as killed; tasks take milliseconds.
constexpr double STUCK = 10;

template <typename T>
T get(T& x) { return __atomic_load_n(&x, __ATOMIC_SEQ_CST); }
template <typename T>
void set(T& x, T value) { __atomic_store_n(&x, value, __ATOMIC_SEQ_CST); }
template <typename T>
T plus(T& x, T value) { return __atomic_fetch_add(&x, value, __ATOMIC_SEQ_CST); }

void work() {
  for (int64_t i; (i = plus(next_task, (int64_t)1)) < job.tasks;) job.task(job.context, i);
}

}  // namespace

int thread_count() { return wanted; }
void set_thread_count(int n) { wanted = n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n; }

void parallel(int64_t tasks, void (*task)(void*, int64_t), void* context) {
  if (tasks <= 1 || wanted == 1 || busy || get(ready) == 0) {
    for (int64_t i = 0; i < tasks; i++) task(context, i);
    return;
  }
  busy = true;
  job = {task, context, tasks};
  set(next_task, (int64_t)0);
  set(is_open, 1);
  plus(epoch, 1);
  if (get(sleeping) > 0) __builtin_wasm_memory_atomic_notify(&epoch, MAX_THREADS);
  work();
  set(is_open, 0);
  double waited = 0, last = 0;
  for (int64_t spins = 1; get(inside) != 0; spins++) {
    if (spins % (1 << 20) != 0) continue;
    // A worker that was killed in the middle of a task will never leave it. A machine that slept has not waited for long.
    const double now = now_seconds();
    if (last != 0) waited += now - last < 1 ? now - last : 1;
    last = now;
    if (waited > STUCK) __builtin_trap();
  }
  busy = false;
}

}  // namespace shoshin

extern "C" {
void sh_worker(int index) {
  using namespace shoshin;
  busy = true;
  plus(ready, 1);
  int32_t seen = 0;
  for (;;) {
    int spins = 0;
    while (get(epoch) == seen) {
      if (spins++ < SPINS) continue;
      plus(sleeping, 1);
      __builtin_wasm_memory_atomic_wait32(&epoch, seen, -1);
      plus(sleeping, -1);
    }
    seen = get(epoch);
    plus(inside, 1);
    if (get(is_open) && index + 1 < wanted) work();
    plus(inside, -1);
  }
}
// Memory for a worker's stack and thread-local variables; 0 when there is none.
double sh_block(double bytes) {
  void* p;
  return posix_memalign(&p, 64, (size_t)bytes) == 0 ? (double)(uintptr_t)p : 0;
}
// Workers that have arrived.
double sh_ready() { return shoshin::get(shoshin::ready); }
}

#endif
