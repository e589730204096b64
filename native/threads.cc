#include "threads.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace shoshin {
namespace {

struct Job {
  void (*task)(void*, int64_t);
  void* context;
  int64_t tasks;
};

// A worker that wakes late finds the job closed and goes back to sleep: nobody waits for it.
Job job;
std::atomic<int64_t> next{0};
std::atomic<uint64_t> epoch{0};
std::atomic<int> inside{0};
std::atomic<bool> open{false};
std::atomic<int> sleeping{0};
std::atomic<bool> taken{false};
std::atomic<int> wanted{0};
int started = 0;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
thread_local bool busy = false;

constexpr int SPINS = 4000;

inline void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void work() {
  for (int64_t i; (i = next.fetch_add(1)) < job.tasks;) job.task(job.context, i);
}

void* worker(void* arg) {
  const int index = (int)(intptr_t)arg;
  busy = true;
  uint64_t seen = 0;
  for (;;) {
    int spins = 0;
    while (epoch.load() == seen) {
      if (spins++ < SPINS) {
        pause_cpu();
        continue;
      }
      pthread_mutex_lock(&mutex);
      sleeping.fetch_add(1);
      while (epoch.load() == seen) pthread_cond_wait(&wake, &mutex);
      sleeping.fetch_sub(1);
      pthread_mutex_unlock(&mutex);
    }
    seen = epoch.load();
    inside.fetch_add(1);
    if (open.load() && index < wanted.load()) work();
    inside.fetch_sub(1);
  }
  return nullptr;
}

int default_threads() {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  if (const char* text = getenv("SHOSHIN_THREADS")) {
    const long asked = strtol(text, nullptr, 10);
    if (asked > 0) n = asked;
  }
  return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

void after_fork() {
  // The child has no workers, and locks may have been held.
  started = 0;
  taken.store(false);
  inside.store(0);
  sleeping.store(0);
  open.store(false);
  pthread_mutex_init(&mutex, nullptr);
  pthread_cond_init(&wake, nullptr);
}

bool start_workers(int count) {
  static bool registered = false;
  if (!registered) {
    registered = true;
    pthread_atfork(nullptr, nullptr, after_fork);
  }
  while (started < count) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const int failed = pthread_create(&thread, &attributes, worker, (void*)(intptr_t)started);
    pthread_attr_destroy(&attributes);
    if (failed) return started > 0;
    started++;
  }
  return true;
}

}  // namespace

int thread_count() {
  int n = wanted.load();
  if (n == 0) {
    n = default_threads();
    wanted.store(n);
  }
  return n;
}

void set_thread_count(int n) { wanted.store(n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n); }

void parallel(int64_t tasks, void (*task)(void*, int64_t), void* context) {
  const int threads = thread_count();
  const bool alone = tasks <= 1 || threads == 1 || busy || taken.exchange(true);
  if (alone) {
    for (int64_t i = 0; i < tasks; i++) task(context, i);
    return;
  }
  start_workers(threads - 1);
  busy = true;
  // Late workers of the previous job have left: it waited for `inside` to fall to 0 after closing.
  job = {task, context, tasks};
  next.store(0);
  open.store(true);
  epoch.fetch_add(1);
  if (sleeping.load() > 0) {
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&mutex);
  }
  work();
  open.store(false);
  for (int spins = 0; inside.load() != 0; spins++) {
    if (spins < SPINS * 4) pause_cpu();
    else usleep(20);
  }
  busy = false;
  taken.store(false);
}

double now_seconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

}  // namespace shoshin
