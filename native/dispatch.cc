#include "dispatch.h"

#include <stdlib.h>
#include <string.h>

namespace shoshin {
namespace {

const Kernels* list[8];
int count = -1;
const Kernels* current = nullptr;
const char* missing = nullptr;

void add(const Kernels& k) { list[count++] = &k; }

void detect() {
  if (count >= 0) return;
  count = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#ifdef SHOSHIN_HAS_AVX512_BF16
  if (avx512 && __builtin_cpu_supports("avx512bf16")) add(kernels_avx512_bf16);
#endif
#ifdef SHOSHIN_HAS_AVX512
  if (avx512) add(kernels_avx512);
#endif
#ifdef SHOSHIN_HAS_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) add(kernels_avx2);
#endif
  (void)avx512;
#elif defined(__aarch64__) && defined(SHOSHIN_HAS_NEON)
  add(kernels_neon);
#elif defined(SHOSHIN_HAS_SIMD128)
  add(kernels_simd128);
#elif defined(SHOSHIN_HAS_RELAXED_SIMD)
  add(kernels_relaxed_simd);
#endif
#ifdef SHOSHIN_HAS_PORTABLE
  add(kernels_portable);
#endif
}

// avx512-bf16 and avx512_bf16 are one name.
bool same(const char* a, const char* b) {
  for (; *a && *b; a++, b++)
    if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_'))) return false;
  return *a == *b;
}

}  // namespace

bool choose(const char* name) {
  detect();
  for (int i = 0; i < count; i++) {
    if (name && !same(name, list[i]->name)) continue;
    current = list[i];
    return true;
  }
  return false;
}

const Kernels* available(int i) {
  detect();
  return i >= 0 && i < count ? list[i] : nullptr;
}

const char* missing_choice() {
  active();
  return missing;
}

const Kernels& active() {
  if (current) return *current;
  const char* asked = getenv("SHOSHIN_ISA");
  if (asked && *asked && !choose(asked)) missing = asked;
  if (!current) choose(nullptr);
  return *current;
}

}  // namespace shoshin
