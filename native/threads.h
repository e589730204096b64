// The one thread pool. Everything that touches threads is in threads.cc.
#pragma once
#include <stdint.h>

namespace shoshin {

int thread_count();
// 1 … 256; takes effect before the next parallel call.
void set_thread_count(int n);

// Runs task(context, i) for every 0 ≤ i < tasks, in any order on any thread, and returns when all are done.
// Runs on the calling thread alone when tasks is 1, when called from inside a task, or when another JavaScript thread
// holds the pool: results must not depend on it.
void parallel(int64_t tasks, void (*task)(void* context, int64_t i), void* context);

// Runs body(context, member, members) once on each of `members` threads at the same time; inside it barrier() waits for
// all members. members is 1 where parallel() would run alone.
void team(void (*body)(void* context, int member, int members), void* context);
void barrier();

}  // namespace shoshin
