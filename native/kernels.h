// The whole interface of the kernel library: plain functions over pointers, one table per instruction set.
//
// Every kernel is written once, in native/kernels/*.h, with the vector layer of simd.h, and compiled once per
// instruction set (native/kernels/all.cc with different flags). Kernels never allocate, throw or check arguments:
// native/gate.cc checks them and hands out workspace. Sums are cut into chunks whose size depends on shapes alone,
// so results are bit-identical for every thread count.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace shoshin {

enum DType : int { F32 = 0, I32 = 1, U8 = 2 };
inline int64_t item_size(int dtype) { return dtype == U8 ? 1 : 4; }

// The order of these lists is shared with src/backend/codes.ts (a test compares the two).
enum UnaryOp : int {
  NEG, ABS, SIGN, SQUARE, SQRT, RSQRT, RECIPROCAL, EXP, LOG, SIN, COS,
  SIGMOID, TANH, RELU, LEAKY_RELU, GELU, GELU_TANH, SILU, SOFTPLUS, ELU,
  ADD_SCALAR, MUL_SCALAR, POW_SCALAR, CLAMP, STEP, LOG1P, EXPM1, UNARY_COUNT
};
enum BinaryOp : int {
  ADD, SUB, MUL, DIV, POW, MAXIMUM, MINIMUM,
  EQ, NE, LT, LE, GT, GE,  // these write U8
  BINARY_COUNT
};
enum ReduceOp : int { SUM, MEAN, MAX, MIN, SUM_SQUARES, PROD, REDUCE_COUNT };
enum Activation : int { ACT_NONE, ACT_RELU, ACT_GELU, ACT_GELU_TANH, ACT_SILU, ACT_TANH, ACT_SIGMOID };
enum Cell : int { RNN_TANH, RNN_RELU, LSTM, GRU, CELL_COUNT };
enum Precision : int { PRECISION_F32, PRECISION_BF16 };

constexpr int MAX_DIMS = 8;

// Sizes of an output and, for up to three operands, strides in elements (0 where an operand is broadcast).
struct Strided {
  int ndim;
  int64_t size[MAX_DIMS];
  int64_t stride[3][MAX_DIMS];
};

// c[b] = act(op(a[b]) · op(b[b]) + bias) (+ c[b] when accumulate), row-major.
// op(a) is m×k: a is stored m×k with row length lda, or k×m when transA. op(b) is k×n: stored k×n, or n×k when transB.
// bias has n entries or is null. preact (same layout as c) receives the value before the activation, or is null.
// accumulate excludes an activation.
struct GemmArgs {
  int64_t batch, m, n, k;
  const float* a; int64_t lda, strideA;
  const float* b; int64_t ldb, strideB;
  float* c; int64_t ldc, strideC;
  const float* bias;
  float* preact;
  int transA, transB, accumulate, activation, precision;
  const float* packed;  // op(b) as `pack` left it, or null
};

// One layer of a recurrent network in one direction over a whole sequence, time-major; src/backend/recurrent.ts has the shapes,
// reference-recurrent.ts the equations.
struct RecurrentArgs {
  int cell, reverse, precision;
  int64_t steps, batch, input, hidden;
  const float *x, *h0, *c0;            // h0, c0 null: 0
  const float *wih, *whh, *bih, *bhh;  // bih, bhh may be null
  const int32_t* lengths;              // steps of each sequence that count, or null: all
  float *out, *hn, *cn;                // out null: states have it
  float *states, *cells, *gates;       // kept for the backward pass; cells: LSTM, gates: LSTM and GRU
};
struct Gradient {
  float* to;  // null: not wanted
  int add;
};
// Written in the order of the members, so that one buffer may stand for several.
struct RecurrentGradients {
  Gradient x, h0, c0, wih, whh, bih, bhh;
  const float *dout, *dhn, *dcn;  // null: 0
  float* work;                    // recurrent_work floats
};
// In units of hidden: rows of the weights, what `gates` holds for a step, gradients of the gates.
inline int64_t cell_gates(int cell) { return cell == LSTM ? 4 : cell == GRU ? 3 : 1; }
inline int64_t cell_saved(int cell) { return cell == LSTM || cell == GRU ? 4 : 0; }
inline int64_t cell_work(int cell) { return cell == LSTM ? 4 : cell == GRU ? 6 : 1; }

// Scaled dot-product attention; src/backend/attention.ts has the shapes, reference-attention.ts the equations.
struct HeadStrides {
  int64_t batch, head, row;  // in elements; the elements of a row are neighbours
};
struct AttentionArgs {
  int64_t batch, heads, groups, queries, keys, size, valueSize;  // groups: heads of k and v, of which each serves heads/groups of q
  const float *q, *k, *v;
  float *out, *lse;  // lse [batch, heads, queries], log of the sum of a query's exponentials, or null: no gradient will be asked for
  HeadStrides qs, ks, vs, os;
  const uint8_t* mask;        // 0 hides; or null
  const float* bias;          // added to the scores; or null
  int64_t ms[4], bs[4];       // their strides over batch, head, query, key
  const float* slopes;        // [heads]: ALiBi, or null
  int causal;                 // query i sees keys up to i + keys - queries
  float scale, dropout;
  uint32_t key0, key1, site;  // of dropout; element (row, j) of the weights counts as row · 4⌈keys/4⌉ + j
};
struct AttentionGradients {
  const float* dout;  // laid out as ds says
  float *dq, *dk, *dv;
  HeadStrides ds, dqs, dks, dvs;
  float* dbias;    // added to, summed where a stride over batch, head, query or key is 0; or null
  int64_t dbs[4];
};

struct AdamArgs {
  float *p, *m, *v, *vmax;  // vmax null unless AMSGrad
  const float* g;
  int64_t n;
  float lr, beta1, beta2, eps, weightDecay, l1, bias1, bias2;  // bias1 = 1-beta1^t, bias2 = 1-beta2^t
  int decoupled;           // 1: AdamW
  const float* gradScale;  // one factor applied to g (clipping), or null
};
struct SgdArgs {
  float *p, *buf;  // buf null without momentum
  const float* g;
  int64_t n;
  float lr, momentum, dampening, weightDecay, l1;
  int nesterov, first;  // first: buf := g
  const float* gradScale;
};
struct RmspropArgs {
  float *p, *square, *buf, *gradAvg;  // buf null without momentum, gradAvg null unless centered
  const float* g;
  int64_t n;
  float lr, alpha, eps, weightDecay, l1, momentum;
  const float* gradScale;
};
struct AdagradArgs {
  float *p, *sum;
  const float* g;
  int64_t n;
  float lr, eps, weightDecay, l1;  // lr already decayed: lr / (1 + (t-1)·lrDecay)
  const float* gradScale;
};

struct Kernels {
  const char* name;  // "avx512-bf16", "avx512", "avx2", "neon", "portable"
  int width;         // floats per vector

  int64_t (*gemm_workspace)(const GemmArgs&);            // bytes of workspace that gemm needs
  void (*gemm)(const GemmArgs&, void* workspace);
  // op(b) in the kernel's order, for multiplies of any m: floats that it takes, 0 where nothing would be gained.
  int64_t (*packed_floats)(const GemmArgs&);
  void (*pack)(const GemmArgs&, float* to);

  void (*fill_f32)(float* out, int64_t n, float value);
  // Shapes up to MAX_DIMS, operand strides in s.stride[0] (and [1], [2]); out is dense unless said otherwise.
  void (*unary)(int op, float* out, const float* x, int64_t n, float p0, float p1);
  // s is what the derivative needs: the output for SQRT, RSQRT, RECIPROCAL, EXP, SIGMOID, TANH, RELU, ELU, EXPM1;
  // the input for the others. dx may be dy.
  void (*unary_backward)(int op, float* dx, const float* dy, const float* s, int64_t n, float p0, float p1);
  void (*binary)(int op, void* out, const float* a, const float* b, const Strided& s);
  void (*binary_i32)(int op, void* out, const int32_t* a, const int32_t* b, const Strided& s);
  void (*where)(float* out, const uint8_t* cond, const float* a, const float* b, const Strided& s);
  // out[stride 0] = x[stride 1]; add: out += x. Items of 4 or 1 bytes (add: float only).
  void (*copy4)(void* out, const void* x, const Strided& s);
  void (*copy1)(void* out, const void* x, const Strided& s);
  void (*copy_add)(float* out, const float* x, const Strided& s);
  void (*cast)(void* out, int outType, const void* x, int xType, int64_t n);

  // x is [outer, mid, inner], out is [outer, inner]. accumulate adds to out (SUM and SUM_SQUARES only).
  void (*reduce)(int op, float* out, const float* x, int64_t outer, int64_t mid, int64_t inner, int accumulate);
  void (*arg_reduce)(int op, int32_t* out, const float* x, int64_t outer, int64_t mid, int64_t inner);

  void (*softmax)(float* out, const float* x, int64_t rows, int64_t cols, int log);
  void (*softmax_backward)(float* dx, const float* dy, const float* y, int64_t rows, int64_t cols, int log);
  // PyTorch's cross_entropy with class weights and label smoothing. loss[r] is weighted, weightOut[r] is w[target] or 0
  // where ignored, lse[2r] is the row's greatest logit and lse[2r + 1] the rest of log Σ exp.
  void (*cross_entropy)(float* loss, float* weightOut, float* lse, const float* x, const int32_t* target,
                        const float* weight, int64_t rows, int64_t cols, float smoothing, int32_t ignoreIndex);
  // dx[r] = scale_r · ∂loss_r/∂x, scale_r = dy[r·dyStride] / (denominator ? *denominator : 1).
  void (*cross_entropy_backward)(float* dx, const float* dy, int64_t dyStride, const float* denominator, const float* x,
                                 const int32_t* target, const float* weight, const float* lse, int64_t rows, int64_t cols,
                                 float smoothing, int32_t ignoreIndex);

  // weight, bias may be null. mean null: RMS norm (no centring).
  void (*norm)(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias,
               int64_t rows, int64_t cols, float eps);
  // dx, dweight, dbias may be null. partial: workspace of norm_backward_workspace(rows, cols) bytes. accumulate: add to
  // dweight and dbias.
  int64_t (*norm_backward_workspace)(int64_t rows, int64_t cols);
  void (*norm_backward)(float* dx, float* dweight, float* dbias, const float* dy, const float* x, const float* mean,
                        const float* rstd, const float* weight, int64_t rows, int64_t cols, int accumulate, void* partial);

  void (*gather)(float* out, const float* table, const int32_t* index, int64_t n, int64_t dim);
  // table[index[i]] += dy[i] in the order of i; rows whose index is skip are left out.
  void (*scatter_add)(float* table, const float* dy, const int32_t* index, int64_t n, int64_t dim, int32_t skip);
  // bag b sums (mean: averages) table[index[i]] · (perSample ? perSample[i] : 1) for offsets[b] ≤ i < offsets[b+1]
  // (the last bag ends at n); rows whose index is skip count for nothing. An empty bag is 0.
  void (*embedding_bag)(float* out, const float* table, const int32_t* index, const int32_t* offsets,
                        const float* perSample, int64_t bags, int64_t n, int64_t dim, int mean, int32_t skip);
  void (*embedding_bag_backward)(float* dtable, const float* dy, const int32_t* index, const int32_t* offsets,
                                 const float* perSample, int64_t bags, int64_t n, int64_t dim, int mean, int32_t skip);

  // d null: the forward pass. A call asks for the bytes of workspace first.
  int64_t (*recurrent_workspace)(const RecurrentArgs&, const RecurrentGradients* d);
  void (*recurrent)(const RecurrentArgs&, void* workspace);
  void (*recurrent_backward)(const RecurrentArgs&, const RecurrentGradients&, void* workspace);

  // d null: the forward pass.
  int64_t (*attention_workspace)(const AttentionArgs&, const AttentionGradients* d);
  void (*attention)(const AttentionArgs&, void* workspace);
  void (*attention_backward)(const AttentionArgs&, const AttentionGradients&, void* workspace);

  // Philox4x32-10, counter (i/4, site, 0, 0) key (key0, key1), lane i%4; element i is kept when its word ≥ p·2^32 and
  // scaled by 1/(1-p). The same in src/tensor/random.ts. add: out += .
  void (*dropout)(float* out, const float* x, int64_t n, float p, uint32_t key0, uint32_t key1, uint32_t site);

  void (*adam)(const AdamArgs&);
  void (*sgd)(const SgdArgs&);
  void (*rmsprop)(const RmspropArgs&);
  void (*adagrad)(const AdagradArgs&);

  // Measurement for `doctor` and the benchmarks: GFLOP/s of independent multiply-adds in registers on `threads` threads,
  // and GB/s of a[i] = b[i] + s·c[i].
  double (*peak_flops)(int precision, int threads, double seconds);
  double (*triad)(float* a, const float* b, const float* c, int64_t n, int threads);
};

// One table per instruction set, defined by native/kernels/all.cc; those not built for this machine are absent.
extern const Kernels kernels_portable;
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx512_bf16;
extern const Kernels kernels_neon;
extern const Kernels kernels_simd128;
extern const Kernels kernels_relaxed_simd;

// The table in use: the best that the machine has, or the one that SHOSHIN_ISA names if the machine has it.
const Kernels& active();

}  // namespace shoshin
