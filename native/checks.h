// What the gate's functions check their arguments with.
#pragma once
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "kernels.h"
#include "storage.h"

namespace shoshin {

constexpr int ERROR_SIZE = 320;
extern thread_local char error_text[ERROR_SIZE];
extern thread_local double last_status;
extern thread_local double params[SH_PARAMS];

constexpr double LIMIT = 9007199254740992.0;  // 2^53
const char* const DTYPES[] = {"float32", "int32", "uint8"};

// Grow-only scratch memory of one JavaScript thread.
struct Scratch {
  void* data = nullptr;
  int64_t size = 0;
  ~Scratch() { free(data); }
  void* ask(int64_t bytes) {
    if (bytes > size) {
      free(data);
      data = nullptr;
      size = 0;
      if (posix_memalign(&data, 64, (size_t)bytes) != 0) return data = nullptr;
      size = bytes;
    }
    return data ? data : (void*)error_text;  // nothing asked for: any address will do
  }
};
extern thread_local Scratch scratch;

// The checks of one call. After the first that fails the rest are skipped and `status()` is negative.
struct Gate {
  const char* name;
  bool ok = true;
  int code = -1;
  explicit Gate(const char* n) : name(n) {}

  __attribute__((format(printf, 2, 3))) void fail(const char* format, ...) {
    if (!ok) return;
    ok = false;
    const int at = snprintf(error_text, sizeof error_text, "%s: ", name);
    va_list args;
    va_start(args, format);
    vsnprintf(error_text + at, sizeof error_text - (size_t)at, format, args);
    va_end(args);
  }
  void exhausted(const char* what) {
    if (ok) code = -2;
    fail("no memory for %s", what);
  }
  double status() const { return last_status = ok ? 0 : code; }

  int64_t count(const char* what, double x, double limit = LIMIT) {
    if (!(x >= 0 && x <= limit && x == floor(x))) {
      fail("%s is %g; expected a whole number from 0 to %.0f", what, x, limit);
      return 0;
    }
    return (int64_t)x;
  }
  // Of numbers from 0 to LIMIT, as `count` gives them.
  int64_t times(int64_t a, int64_t b) {
    if (a != 0 && b > (int64_t)LIMIT / a) fail("sizes overflow: %lld times %lld", (long long)a, (long long)b);
    return ok ? a * b : 0;
  }
  int64_t plus(int64_t a, int64_t b) {
    if (a > (int64_t)LIMIT - b) fail("sizes overflow: %lld plus %lld", (long long)a, (long long)b);
    return ok ? a + b : 0;
  }
  int choice(const char* what, double x, int limit) {
    if (!(x >= 0 && x < limit && x == floor(x))) {
      fail("%s is %g; expected 0 to %d", what, x, limit - 1);
      return 0;
    }
    return (int)x;
  }
  const Buffer* open(const char* what, double handle) {
    const Buffer* b = handle > 0 && handle <= LIMIT && handle == floor(handle) ? storage_open((int64_t)handle) : nullptr;
    if (!b) {
      if (ok) code = -3;
      fail("the memory of %s has been given back", what);
    }
    return b;
  }
  // Address of elements [offset, offset + n); dtype -1: any.
  const char* range(const char* what, double handle, double offset, int64_t n, int dtype) {
    if (!ok) return nullptr;
    const Buffer* b = open(what, handle);
    const int64_t at = count("an offset", offset);
    if (!ok) return nullptr;
    if (dtype >= 0 && b->dtype != dtype) {
      fail("%s is %s; expected %s", what, DTYPES[b->dtype], DTYPES[dtype]);
      return nullptr;
    }
    if (n < 0 || at > b->length || n > b->length - at) {
      fail("%s: elements %lld to %lld lie outside a storage of %lld", what, (long long)at, (long long)at + n, (long long)b->length);
      return nullptr;
    }
    return b->data + at * item_size(b->dtype);
  }
  const float* f32(const char* what, double handle, double offset, int64_t n) { return (const float*)range(what, handle, offset, n, F32); }
  const int32_t* i32(const char* what, double handle, double offset, int64_t n) { return (const int32_t*)range(what, handle, offset, n, I32); }
  const float* maybe(const char* what, double handle, double offset, int64_t n) { return handle == 0 ? nullptr : f32(what, handle, offset, n); }
  // The same, to be written.
  char* range_out(const char* what, double handle, double offset, int64_t n, int dtype) {
    const char* at = range(what, handle, offset, n, dtype);
    if (at) storage_written((int64_t)handle);
    return (char*)at;
  }
  float* out(const char* what, double handle, double offset, int64_t n) { return (float*)range_out(what, handle, offset, n, F32); }
  int32_t* out_i32(const char* what, double handle, double offset, int64_t n) { return (int32_t*)range_out(what, handle, offset, n, I32); }
  float* maybe_out(const char* what, double handle, double offset, int64_t n) { return handle == 0 ? nullptr : out(what, handle, offset, n); }

  // The loop nest in params: sizes, then strides of `operands`. Returns the elements in all; spans: how far each reaches.
  int64_t loop(double ndim, int operands, Strided& s, int64_t* spans) {
    s.ndim = choice("ndim", ndim, MAX_DIMS + 1);
    memset(s.stride, 0, sizeof s.stride);
    int64_t total = 1;
    for (int d = 0; d < s.ndim; d++) total = times(total, s.size[d] = count("a size", params[d]));
    for (int o = 0; o < operands; o++) {
      spans[o] = total == 0 ? 0 : 1;
      for (int d = 0; d < s.ndim; d++) {
        s.stride[o][d] = count("a stride", params[(o + 1) * s.ndim + d]);
        if (total > 0) spans[o] = plus(spans[o], times(s.size[d] - 1, s.stride[o][d]));
      }
    }
    return ok ? total : 0;
  }
  void indices(const char* what, const int32_t* index, int64_t n, int64_t rows, double also) {
    if (!ok) return;
    for (int64_t i = 0; i < n; i++)
      if ((index[i] < 0 || index[i] >= rows) && !(also != -1 && index[i] == also))
        return fail("%s %d at position %lld is outside the table of %lld rows", what, index[i], (long long)i, (long long)rows);
  }
  void targets(const int32_t* target, int64_t n, int64_t cols, double ignore) {
    if (!ok) return;
    for (int64_t i = 0; i < n; i++)
      if ((target[i] < 0 || target[i] >= cols) && target[i] != ignore)
        return fail("target %d at row %lld is outside 0 to %lld", target[i], (long long)i, (long long)cols - 1);
  }
  void offsets(const int32_t* o, int64_t bags, int64_t n) {
    if (!ok) return;
    for (int64_t b = 0; b < bags; b++)
      if (o[b] < (b == 0 ? 0 : o[b - 1]) || o[b] > n || (b == 0 && o[0] != 0))
        return fail("offset %d of bag %lld: offsets begin at 0, never fall and end at %lld at most", o[b], (long long)b, (long long)n);
  }
};

}  // namespace shoshin
