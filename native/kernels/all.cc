// Compiled once per instruction set, with -DSHOSHIN_ISA_NAME=… and the flags that native/build.mjs lists. No C++ library
// headers here or below: an inline function compiled for a newer machine must never be picked for an older one.
#include "../kernels.h"
#include "../threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace shoshin {
namespace SHOSHIN_ISA_NAME {

#include "../simd.h"
#include "vmath.h"
#include "epilogue.h"
#include "gemm.h"
#include "peak.h"
#ifndef SHOSHIN_GEMM_ONLY
#include "elementwise.h"
#include "reduce.h"
#include "rows.h"
#include "embedding.h"
#include "repeated.h"
#include "recurrent.h"
#include "dropout.h"
#include "attention.h"
#include "optim.h"
#endif

}  // namespace SHOSHIN_ISA_NAME

#define SHOSHIN_TABLE2(isa) kernels_##isa
#define SHOSHIN_TABLE(isa) SHOSHIN_TABLE2(isa)
#define SHOSHIN_TEXT2(isa) #isa
#define SHOSHIN_TEXT(isa) SHOSHIN_TEXT2(isa)

extern const Kernels SHOSHIN_TABLE(SHOSHIN_ISA_NAME) = [] {
  using namespace SHOSHIN_ISA_NAME;
  Kernels k{};
  k.name = SHOSHIN_TEXT(SHOSHIN_ISA_NAME);
  k.width = W;
#define SET(f) k.f = SHOSHIN_ISA_NAME::f;
  SET(gemm_workspace) SET(gemm) SET(packed_floats) SET(pack) SET(peak_flops) SET(triad)
#ifndef SHOSHIN_GEMM_ONLY
  SET(fill_f32) SET(unary) SET(unary_backward) SET(binary) SET(binary_i32) SET(where) SET(copy4) SET(copy1) SET(copy_add)
  SET(cast) SET(reduce) SET(arg_reduce) SET(softmax) SET(softmax_backward) SET(cross_entropy) SET(cross_entropy_backward)
  SET(norm) SET(norm_backward_workspace) SET(norm_backward) SET(gather) SET(scatter_add) SET(embedding_bag)
  SET(embedding_bag_backward) SET(recurrent_workspace) SET(recurrent) SET(recurrent_backward)
  SET(attention_workspace) SET(attention) SET(attention_backward)
  SET(dropout) SET(adam) SET(sgd) SET(rmsprop) SET(adagrad)
#endif
#undef SET
  return k;
}();

}  // namespace shoshin
