// What the kernel library needs of a C library, where WebAssembly has none: memory, text of errors, and the functions that
// JavaScript's Math has.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM_PAGE(name) __attribute__((import_module("env"), import_name(name)))

extern "C" {
FROM_PAGE("pow") double js_pow(double x, double y);
FROM_PAGE("log") double js_log(double x);
FROM_PAGE("sin") double js_sin(double x);
FROM_PAGE("cos") double js_cos(double x);

double pow(double x, double y) { return js_pow(x, y); }
float powf(float x, float y) { return (float)js_pow(x, y); }
float logf(float x) { return (float)js_log(x); }
float sinf(float x) { return (float)js_sin(x); }
float cosf(float x) { return (float)js_cos(x); }
double fmod(double x, double y) { return x - __builtin_trunc(x / y) * y; }

void* memcpy(void* to, const void* from, size_t n) { return __builtin_memcpy(to, from, n); }
void* memset(void* to, int value, size_t n) { return __builtin_memset(to, value, n); }
char* getenv(const char*) { return nullptr; }
// Destructors of thread-local objects: an instance lives as long as its memory.
int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }

extern char __heap_base;
}

namespace {

// Blocks lie behind one another from the heap's base; free ones form a list in the order of addresses, neighbours joined.
// Storages are pooled above this, so it is asked rarely.
struct Block {
  uint32_t size;  // with the header, a multiple of 64
  Block* next;    // while free
};
constexpr uint32_t HEADER = 64, PAGE = 65536, GROWTH = 64 * PAGE;
Block* first_free = nullptr;
uint64_t heap_end = 0;

Block* grow(uint64_t size) {
  if (heap_end == 0) heap_end = ((uint64_t)(uintptr_t)&__heap_base + 63) & ~(uint64_t)63;
  const uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
  if (heap_end + size > have) {
    const uint64_t missing = (heap_end + size - have + PAGE - 1) / PAGE;
    if (missing > 65536) return nullptr;
    const uint64_t more = missing > GROWTH / PAGE ? missing : GROWTH / PAGE;
    if (__builtin_wasm_memory_grow(0, more) == (size_t)-1 && __builtin_wasm_memory_grow(0, missing) == (size_t)-1) return nullptr;
  }
  Block* b = (Block*)(uintptr_t)heap_end;
  heap_end += size;
  b->size = (uint32_t)size;
  return b;
}

struct Text {
  char* to;
  size_t size, at = 0;
  void add(char c) {
    if (at + 1 < size) to[at] = c;
    at++;
  }
  void add(const char* s) {
    while (*s) add(*s++);
  }
  void whole(double x) {
    char digits[24];
    int n = 0;
    do {
      const double tenth = floor(x / 10);
      digits[n++] = (char)('0' + (int)(x - tenth * 10));
      x = tenth;
    } while (x >= 1 && n < 24);
    while (n > 0) add(digits[--n]);
  }
  void number(double x) {
    if (x != x) return add("nan");
    if (x < 0) {
      add('-');
      x = -x;
    }
    if (x > 1e300) return add("inf");
    if (x >= 1e18) {
      int e = 0;
      for (; x >= 10; x /= 10) e++;
      whole(floor(x));
      add("e+");
      return whole(e);
    }
    whole(floor(x));
    double rest = x - floor(x);
    if (rest == 0) return;
    add('.');
    for (int i = 0; i < 6 && rest > 0; i++) {
      rest *= 10;
      add((char)('0' + (int)rest));
      rest -= floor(rest);
    }
  }
};

}  // namespace

extern "C" {
int posix_memalign(void** out, size_t, size_t asked) {
  const uint64_t size = ((uint64_t)asked + HEADER + 63) & ~(uint64_t)63;
  // The smallest that is large enough.
  Block **best = nullptr, **at = &first_free;
  for (; *at; at = &(*at)->next)
    if ((*at)->size >= size && (!best || (*at)->size < (*best)->size)) best = at;
  Block* b;
  if (best) {
    b = *best;
    if (b->size - size >= 4096) {
      Block* rest = (Block*)((char*)b + size);
      rest->size = b->size - (uint32_t)size;
      rest->next = b->next;
      *best = rest;
      b->size = (uint32_t)size;
    } else {
      *best = b->next;
    }
  } else if (!(b = grow(size))) {
    *out = nullptr;
    return 12;
  }
  *out = (char*)b + HEADER;
  return 0;
}

void free(void* p) {
  if (!p) return;
  Block* b = (Block*)((char*)p - HEADER);
  Block** at = &first_free;
  Block* before = nullptr;
  while (*at && *at < b) {
    before = *at;
    at = &(*at)->next;
  }
  b->next = *at;
  *at = b;
  if (b->next && (char*)b + b->size == (char*)b->next) {
    b->size += b->next->size;
    b->next = b->next->next;
  }
  if (before && (char*)before + before->size == (char*)b) {
    before->size += b->size;
    before->next = b->next;
  }
}

int vsnprintf(char* to, size_t size, const char* format, va_list args) {
  Text text = {to, size};
  for (const char* f = format; *f; f++) {
    if (*f != '%') {
      text.add(*f);
      continue;
    }
    f++;
    if (*f == 's') text.add(va_arg(args, const char*));
    else if (*f == 'd') text.number((double)va_arg(args, int));
    else if (*f == 'l') text.number((double)va_arg(args, long long)), f += 2;
    else if (*f == 'g') text.number(va_arg(args, double));
    else if (*f == '.') text.number(va_arg(args, double)), f += 2;
    else text.add(*f);
  }
  if (size > 0) to[text.at < size ? text.at : size - 1] = 0;
  return (int)text.at;
}
int snprintf(char* to, size_t size, const char* format, ...) {
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(to, size, format, args);
  va_end(args);
  return n;
}
}
