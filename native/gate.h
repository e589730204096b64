// The exported functions, the same for both doors: every argument is a JavaScript number, storages are handles
// (generation and slot), positions are counted in elements. Each checks generation, dtype and bounds of every
// operand before a kernel runs and returns 0, or a negative status whose text sh_error() holds: -3 where the memory of a
// storage has been given back, -2 where there is none, -1 otherwise.
// Long argument lists (sizes, strides, gemm) go through the block of SH_PARAMS doubles at sh_params().
#pragma once
#include <stdint.h>

#define SH_PARAMS 64
// Raised with every change of these functions or of the lists of kernels.h; src/backend/exports.ts has the same.
#define SHOSHIN_ABI 4

extern "C" {
double sh_abi();
// Storage. sh_alloc returns a handle. Contents are not cleared.
double sh_alloc(double length, double dtype);
double sh_free(double handle);
double sh_size(double handle);          // bytes of its elements; 0 for one that is not live
double sh_trim();                       // gives pooled memory back to the system
double sh_stat(double which);           // 0 live storages, 1 live bytes, 2 pooled (free, kept) bytes, 3 peak live bytes
double sh_get(double handle, double i); // one element, of any dtype; NaN and a status in sh_status() when refused
double* sh_params();
double sh_status();
const char* sh_error();
// Address of bytes [byteOffset, byteOffset + bytes) of a storage for the door's read and write, or null.
void* sh_address(double handle, double byteOffset, double bytes);

#if defined(__wasm__)
double sh_limit(double bytes);          // how far the memory may grow
#endif
double sh_threads(double n);            // n > 0 sets; returns the count
const char* sh_isa();
double sh_peak_flops(double precision, double threads, double seconds);
double sh_triad(double length, double threads);  // GB/s; allocates three arrays of `length` floats

double sh_fill(double out, double outOffset, double n, double value);  // any dtype
double sh_unary(double op, double out, double outOffset, double x, double xOffset, double n, double p0, double p1);
double sh_unary_backward(double op, double dx, double dxOffset, double dy, double dyOffset, double s, double sOffset,
                         double n, double p0, double p1);
// params: sizes[ndim], strides of a[ndim], strides of b[ndim]. a and b both float32 or both int32; out dense.
double sh_binary(double op, double out, double outOffset, double a, double aOffset, double b, double bOffset, double ndim);
// params: sizes, strides of cond, of a, of b.
double sh_where(double out, double outOffset, double cond, double condOffset, double a, double aOffset, double b,
                double bOffset, double ndim);
// params: sizes, strides of out, of x. add: 1 adds (float32).
double sh_copy(double out, double outOffset, double x, double xOffset, double ndim, double add);
double sh_cast(double out, double outOffset, double x, double xOffset, double n);
double sh_reduce(double op, double out, double outOffset, double x, double xOffset, double outer, double mid, double inner,
                 double accumulate);
double sh_arg_reduce(double op, double out, double outOffset, double x, double xOffset, double outer, double mid,
                     double inner);
// params: batch, m, n, k, lda, strideA, ldb, strideB, ldc, strideC, aOffset, bOffset, cOffset, biasOffset,
// preactOffset, transA, transB, accumulate, activation, precision, keep. bias, preact: 0 for none. keep: 1 where b will be
// multiplied again unchanged, so that a packed copy pays.
double sh_gemm(double c, double a, double b, double bias, double preact);
double sh_softmax(double out, double outOffset, double x, double xOffset, double rows, double cols, double log);
double sh_softmax_backward(double dx, double dxOffset, double dy, double dyOffset, double y, double yOffset, double rows,
                           double cols, double log);
// loss, weightOut, dense [rows] from offset 0, lse dense [rows, 2]. weight 0 for none.
double sh_cross_entropy(double loss, double weightOut, double lse, double x, double xOffset, double target,
                        double targetOffset, double weight, double weightOffset, double rows, double cols,
                        double smoothing, double ignoreIndex);
double sh_cross_entropy_backward(double dx, double dxOffset, double dy, double dyOffset, double dyStride,
                                 double denominator, double x, double xOffset, double target, double targetOffset,
                                 double weight, double weightOffset, double lse, double rows, double cols,
                                 double smoothing, double ignoreIndex);
// mean 0: RMS norm. weight, bias 0 for none. mean and rstd dense [rows] from offset 0.
double sh_norm(double out, double outOffset, double mean, double rstd, double x, double xOffset, double weight,
               double weightOffset, double bias, double biasOffset, double rows, double cols, double eps);
// dx, dweight, dbias 0 when not wanted.
double sh_norm_backward(double dx, double dxOffset, double dweight, double dweightOffset, double dbias, double dbiasOffset,
                        double dy, double dyOffset, double x, double xOffset, double mean, double rstd, double weight,
                        double weightOffset, double rows, double cols, double accumulate);
// table is [vocabulary, dim]; an index outside it is refused by value and position before anything is written.
double sh_gather(double out, double outOffset, double table, double tableOffset, double index, double indexOffset,
                 double n, double dim, double vocabulary);
double sh_scatter_add(double table, double tableOffset, double dy, double dyOffset, double index, double indexOffset,
                      double n, double dim, double vocabulary, double skip);
double sh_embedding_bag(double out, double outOffset, double table, double tableOffset, double index, double indexOffset,
                        double offsets, double offsetsOffset, double perSample, double perSampleOffset, double bags,
                        double n, double dim, double vocabulary, double mean, double skip);
double sh_embedding_bag_backward(double dtable, double dtableOffset, double dy, double dyOffset, double index,
                                 double indexOffset, double offsets, double offsetsOffset, double perSample,
                                 double perSampleOffset, double bags, double n, double dim, double vocabulary, double mean,
                                 double skip);
// params: steps, batch, input, hidden, reverse, precision, then the offset of every handle in their order. Handles of what is
// left out are 0. Defined in gate_recurrent.cc.
double sh_recurrent(double cell, double out, double hn, double cn, double states, double cells, double gates, double x,
                    double h0, double c0, double wih, double whh, double bih, double bhh, double lengths);
// As before; after the offsets, for each of dx … dbhh whether to add.
double sh_recurrent_backward(double cell, double dx, double dh0, double dc0, double dwih, double dwhh, double dbih,
                             double dbhh, double work, double dout, double dhn, double dcn, double states, double cells,
                             double gates, double x, double wih, double whh, double lengths);
// params: batch, heads, groups, queries, keys, size, valueSize, causal, scale, dropout, key0, key1, site; for each of out, q, k, v
// its offset and strides over batch, head, row; for mask and bias offset and strides over batch, head, query, key; the offsets of
// slopes and lse. Handles of what is left out are 0. Defined in gate_attention.cc.
double sh_attention(double out, double lse, double q, double k, double v, double mask, double bias, double slopes);
// As before, then for each of dout, dq, dk, dv its offset and strides, and for dbias as for bias.
double sh_attention_backward(double dq, double dk, double dv, double dbias, double dout, double out, double lse, double q,
                             double k, double v, double mask, double bias, double slopes);
double sh_dropout(double out, double outOffset, double x, double xOffset, double n, double p, double key0, double key1,
                  double site);
// One segment of an arena: the same offset and n in every buffer. Unused buffers 0. gradScale: one float at offset 0, or 0.
// params of adam: lr, beta1, beta2, eps, weightDecay, l1, bias1, bias2, decoupled.
double sh_adam(double p, double g, double m, double v, double vmax, double offset, double n, double gradScale);
// params of sgd: lr, momentum, dampening, weightDecay, l1, nesterov, first.
double sh_sgd(double p, double g, double buf, double offset, double n, double gradScale);
// params of rmsprop: lr, alpha, eps, weightDecay, l1, momentum.
double sh_rmsprop(double p, double g, double square, double buf, double gradAvg, double offset, double n,
                  double gradScale);
// params of adagrad: lr, eps, weightDecay, l1.
double sh_adagrad(double p, double g, double sum, double offset, double n, double gradScale);
}

// X(name, number of arguments): the functions that take numbers and return one, from which each door derives its wrappers.
#define SHOSHIN_EXPORTS(X)                                                                                              \
  X(abi, 0) X(alloc, 2) X(free, 1) X(size, 1) X(trim, 0) X(stat, 1) X(get, 2) X(status, 0) X(threads, 1) X(peak_flops, 3) X(triad, 2)        \
  X(fill, 4) X(unary, 8) X(unary_backward, 10) X(binary, 8) X(where, 9) X(copy, 6) X(cast, 5) X(reduce, 9)              \
  X(arg_reduce, 8) X(gemm, 5) X(softmax, 7) X(softmax_backward, 9) X(cross_entropy, 13) X(cross_entropy_backward, 17)   \
  X(norm, 13) X(norm_backward, 17) X(gather, 9) X(scatter_add, 10) X(embedding_bag, 16) X(embedding_bag_backward, 16)   \
  X(recurrent, 15) X(recurrent_backward, 19) X(attention, 8) X(attention_backward, 13) \
  X(dropout, 9) X(adam, 8) X(sgd, 6) X(rmsprop, 8) X(adagrad, 6)
