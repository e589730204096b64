// The one vector layer: GCC/clang vector extensions of a width fixed at compile time, so that the same kernels compile to
// AVX-512, AVX2, NEON, SSE2 and WebAssembly. Intrinsics only here, in vmath.h (sqrt) and in gemm*.h (bf16).
// Included inside an instruction set's namespace by native/kernels/all.cc; everything here is static.
#pragma once
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define SHOSHIN_WIDTH 16
#elif defined(__AVX2__)
#define SHOSHIN_WIDTH 8
#else
#define SHOSHIN_WIDTH 4
#endif

constexpr int W = SHOSHIN_WIDTH;
typedef float vf __attribute__((vector_size(W * 4)));
typedef float vf_unaligned __attribute__((vector_size(W * 4), aligned(4)));
typedef int32_t vi __attribute__((vector_size(W * 4)));
typedef int32_t vi_unaligned __attribute__((vector_size(W * 4), aligned(4)));
typedef uint32_t vu __attribute__((vector_size(W * 4)));
typedef uint64_t vl __attribute__((vector_size(W * 4)));

// WebAssembly is built without unrolling of loops whose length nobody knows, which makes the file a fifth larger; where it pays it
// is asked for.
#if defined(__wasm__)
#define SH_UNROLL _Pragma("clang loop unroll_count(4)")
#else
#define SH_UNROLL
#endif
// A function that is not worth many bytes of that file.
#if defined(__wasm__)
#define SH_SMALL __attribute__((minsize))
#else
#define SH_SMALL
#endif

#define SH_INLINE static inline __attribute__((always_inline))

// Hides a value from the optimizer, so that additions that round on purpose are not folded.
#if defined(__x86_64__) || defined(__i386__)
#define SH_OPAQUE(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define SH_OPAQUE(v) __asm__("" : "+w"(v))
#elif defined(__wasm__)
#define SH_OPAQUE(v) (void)0  // clang folds nothing without -ffast-math, and crashes on a vector here
#else
#define SH_OPAQUE(v) __asm__("" : "+m"(v))
#endif

SH_INLINE vf load(const float* p) { return *(const vf_unaligned*)p; }
SH_INLINE void store(float* p, vf v) { *(vf_unaligned*)p = v; }
SH_INLINE vi loadi(const int32_t* p) { return *(const vi_unaligned*)p; }
SH_INLINE void storei(int32_t* p, vi v) { *(vi_unaligned*)p = v; }
SH_INLINE vf splat(float x) { return x - (vf){}; }
SH_INLINE vi splati(int32_t x) { return x - (vi){}; }
// Contracted to one fused instruction where the target has it (-ffp-contract=fast).
#if defined(__wasm_relaxed_simd__)
SH_INLINE vf fma(vf a, vf b, vf c) { return __builtin_wasm_relaxed_madd_f32x4(a, b, c); }
#else
SH_INLINE vf fma(vf a, vf b, vf c) { return a * b + c; }
#endif
SH_INLINE vf select(vi mask, vf a, vf b) { return mask ? a : b; }
// b where either is NaN, as x86's instructions have it (GCC would compare and blend).
#if defined(__AVX512F__)
SH_INLINE vf max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
SH_INLINE vf min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(__AVX2__)
SH_INLINE vf max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
SH_INLINE vf min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#elif defined(__SSE__)
SH_INLINE vf max(vf a, vf b) { return (vf)_mm_max_ps((__m128)a, (__m128)b); }
SH_INLINE vf min(vf a, vf b) { return (vf)_mm_min_ps((__m128)a, (__m128)b); }
#elif defined(__wasm__)
SH_INLINE vf max(vf a, vf b) { return __builtin_wasm_pmax_f32x4(b, a); }
SH_INLINE vf min(vf a, vf b) { return __builtin_wasm_pmin_f32x4(b, a); }
#else
SH_INLINE vf max(vf a, vf b) { return a > b ? a : b; }
SH_INLINE vf min(vf a, vf b) { return a < b ? a : b; }
#endif
// Lane numbers 0 to N - 1, for shuffles.
template <int... L>
struct Numbers {};
template <int N, int... L>
struct UpTo : UpTo<N - 1, N - 1, L...> {};
template <int... L>
struct UpTo<0, L...> {
  typedef Numbers<L...> Type;
};
// Lanes of a and b in turn: of their lower halves (0) or upper ones (1).
template <int HALF, int... L>
SH_INLINE vf zip_lanes(vf a, vf b, Numbers<L...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, HALF * W / 2 + L / 2 + L % 2 * W...);
#else
  return __builtin_shuffle(a, b, vi{HALF * W / 2 + L / 2 + L % 2 * W...});
#endif
}
template <int HALF>
SH_INLINE vf zip(vf a, vf b) { return zip_lanes<HALF>(a, b, UpTo<W>::Type{}); }

// Products of the lower halves of 64-bit lanes.
SH_INLINE vl multiply_low(vl a, vl b) {
#if defined(__AVX512F__)
  return (vl)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (vl)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (vl)_mm_mul_epu32((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
  return (vl)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#elif defined(__wasm__)
  typedef uint32_t half __attribute__((vector_size(8)));
  const vu x = (vu)a, y = (vu)b;
  return __builtin_convertvector((half)__builtin_shufflevector(x, x, 0, 2), vl) *
         __builtin_convertvector((half)__builtin_shufflevector(y, y, 0, 2), vl);
#else
  const vl low = (vl{} + 0xffffffff);
  return (a & low) * (b & low);
#endif
}
// First n < W floats; the rest of the vector is `rest`.
SH_INLINE vf load_part(const float* p, int n, float rest = 0) {
  float lanes[W];
  for (int i = 0; i < W; i++) lanes[i] = rest;
  memcpy(lanes, p, (size_t)n * 4);
  return load(lanes);
}
// Whether the target can write past the cache at all: code for it is left out of the file that pages load.
#if defined(__wasm__)
constexpr bool STREAMS = false;
#else
constexpr bool STREAMS = true;
#endif
// Past the cache, for large results that nothing reads soon. p is aligned to the vector.
SH_INLINE void stream(float* p, vf v) {
#if defined(__wasm__)
  *(vf*)p = v;
#elif defined(__clang__)
  __builtin_nontemporal_store(v, (vf*)p);
#elif SHOSHIN_WIDTH == 16
  __builtin_ia32_movntps512(p, v);
#elif SHOSHIN_WIDTH == 8
  __builtin_ia32_movntps256(p, v);
#elif defined(__SSE__)
  __builtin_ia32_movntps(p, v);
#else
  *(vf*)p = v;
#endif
}
SH_INLINE void stream_fence() {
#if defined(__SSE__)
  __builtin_ia32_sfence();
#endif
}
SH_INLINE void store_part(float* p, vf v, int n) {
  float lanes[W];
  store(lanes, v);
  memcpy(p, lanes, (size_t)n * 4);
}
