// The one thread pool. Everything that touches threads is in threads.cc.
#pragma once
#include <stdint.h>

namespace shoshin {

constexpr int MAX_THREADS = 256;

int thread_count();
// 1 … MAX_THREADS; takes effect before the next parallel call.
void set_thread_count(int n);

// Runs task(context, i) for every 0 ≤ i < tasks, in any order on any thread, and returns when all are done.
// Runs on the calling thread alone when tasks is 1, when called from inside a task, or when another JavaScript thread
// holds the pool: results must not depend on it.
void parallel(int64_t tasks, void (*task)(void* context, int64_t i), void* context);

double now_seconds();  // monotonic

}  // namespace shoshin
