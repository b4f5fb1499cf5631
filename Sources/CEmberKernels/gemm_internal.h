// What the drivers of matrix products (gemm.c), convolutions (convolution*.c) and the per-instruction-set bodies share.
#ifndef EMBER_GEMM_INTERNAL_H
#define EMBER_GEMM_INTERNAL_H

#include "bodies/isa.h"
#include "ember_gemm.h"

/// How a block of sums gets into C: C = alpha * sums (+ C if `accumulate`).
typedef struct {
  double alpha;
  bool accumulate;
} gemm_store;

/// What is applied to finished elements of C. The bias pointers belong to the first row and column of the block.
typedef struct {
  const void *row_bias, *column_bias;
  int activation;
  // Added before the activation, or NULL: for the first element of the block, rows this many elements apart.
  const void *addend;
  int64_t addend_row;
} gemm_finish;

/// The inner loops for one floating-point type and one instruction set. Strides count elements.
///
/// Packed A: panels of `tile_rows` rows, element (row r, k p) of a panel at [p * tile_rows + r], rows beyond the matrix zero.
/// Packed B: panels of `tile_columns` columns, element (k p, column c) at [p * tile_columns + c], likewise.
typedef struct {
  int64_t tile_rows, tile_columns;
  /// Rows of the tiles of `strided`.
  int64_t strided_rows;
  /// Rows of A that `dots` works on together.
  int64_t dot_rows;

  /// Packs one panel; `rows` <= tile_rows.
  void (*pack_a)(const void *a, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t k, void *panel);
  /// Packs one panel; `columns` <= tile_columns.
  void (*pack_b)(const void *b, int64_t row_stride, int64_t column_stride, int64_t k, int64_t columns, void *panel);

  /// Multiplies `rows` packed rows by `columns` packed columns. `finish` NULL: more blocks of k follow.
  void (*packed)(int64_t rows, int64_t columns, int64_t k, const void *a, const void *b, void *c, int64_t c_row_stride,
                 gemm_store store, const gemm_finish *finish);
  /// The same with nothing packed: any strides of A; the columns of B contiguous.
  void (*strided)(int64_t rows, int64_t columns, int64_t k, const void *a, int64_t a_row_stride, int64_t a_column_stride,
                  const void *b, int64_t b_row_stride, void *c, int64_t c_row_stride, gemm_store store);
  /// The same by dot products along k: the rows of A contiguous, and the columns of B contiguous in k.
  void (*dots)(int64_t rows, int64_t columns, int64_t k, const void *a, int64_t a_row_stride, const void *b,
               int64_t b_column_stride, void *c, int64_t c_row_stride, gemm_store store);
  /// C *= beta, before the first block of k is added.
  void (*scale)(int64_t rows, int64_t columns, void *c, int64_t c_row_stride, double beta);
  void (*finish)(int64_t rows, int64_t columns, void *c, int64_t c_row_stride, const gemm_finish *finish);
} gemm_kernels;

/// Products of 16-bit floats. Panels are as above, but hold what the operands are converted to: `element_size` bytes an element, `k_step`
/// neighbours along k side by side, zero beyond k.
typedef struct {
  int64_t tile_rows, tile_columns, k_step;
  /// How much of k is multiplied at a time: a multiple of k_step, by what the first level of cache holds of B.
  int64_t k_block;
  int64_t element_size;
  /// Pack one panel: `count` rows (or columns), `stride` elements apart.
  void (*pack_a)(const uint16_t *a, int64_t stride, int64_t k_stride, int64_t count, int64_t k, void *panel);
  void (*pack_b)(const uint16_t *b, int64_t stride, int64_t k_stride, int64_t count, int64_t k, void *panel);
  /// sums = alpha * product (+ sums if `accumulate`) of packed rows, whose panels are `a_panel` bytes apart, and one panel of B.
  void (*multiply)(int64_t rows, int64_t columns, int64_t k, const void *a, int64_t a_panel, const void *b, float *sums, int64_t sums_row,
                   float alpha, bool accumulate);
  /// The same as the last step: what would become sums is rounded into C instead. NULL where there is no such loop.
  void (*multiply_last)(int64_t rows, int64_t columns, int64_t k, const void *a, int64_t a_panel, const void *b, const float *sums,
                        int64_t sums_row, float alpha, bool accumulate, uint16_t *c, int64_t c_row);
  /// Rounds finished sums into C.
  void (*store)(int64_t rows, int64_t columns, const float *sums, int64_t sums_row, uint16_t *c, int64_t c_row);
} gemm_half_kernels;

/// The loops of one instruction set. The scalar reference has `other` alone and uses it for every dtype.
typedef struct {
  const gemm_kernels *f32, *f64;
  const gemm_half_kernels *half, *bfloat16;
  /// Conversion of contiguous 16-bit floats.
  void (*widen)(int dtype, const void *in, float *out, int64_t count);
  void (*narrow)(int dtype, const float *in, void *out, int64_t count);
  /// Integers, booleans and complex numbers: rows of C, everything in one go.
  void (*other)(int dtype, int64_t rows, int64_t columns, int64_t k, const void *a, int64_t a_row_stride,
                int64_t a_column_stride, const void *b, int64_t b_row_stride, int64_t b_column_stride, void *c,
                int64_t c_row_stride, const ember_gemm_epilogue *epilogue);
} gemm_isa;

EMBER_DECLARE_FOR_EACH_ISA(const gemm_isa, gemm_isa);

#if EMBER_X86_ISAS
/// For processors that multiply pairs of bfloat16 (AVX512-BF16), beside the AVX-512 loops.
extern const gemm_half_kernels gemm_bfloat16_pairs;
bool gemm_has_bfloat16_pairs(void);
#endif

/// One product, as the caller described it.
typedef struct {
  const gemm_isa *isa;
  int dtype;
  int64_t m, n, k;
  const void *a, *b;
  void *c;
  int64_t a_row, a_column, b_row, b_column, c_row;
  const ember_gemm_epilogue *epilogue;
} gemm_call;

/// A product of 16-bit floats.
void gemm_run_half(const gemm_call *call);

/// A grid of tiles over C.
typedef struct {
  int64_t rows, columns;  // of a tile
  int64_t across, count;  // tiles side by side, and in all
} gemm_grid;

/// Starts from a tile of the given number of panels, and halves it until there are enough tiles to share out, evenly.
gemm_grid gemm_make_grid(int64_t panel_columns, int64_t rows, int64_t columns, int64_t k, int64_t panel_rows, int64_t row_panels,
                         int64_t column_panels);

/// Where the driver gets packed panels from, when an operand is not simply a matrix in memory (implicit im2col).
/// Packs the panel of rows (or columns) starting at `first`, `count` of them, for k0 ..< k0 + k.
typedef void (*gemm_panel_source)(const void *context, int64_t first, int64_t count, int64_t k0, int64_t k, void *panel);

/// A product of float32 or float64 matrices.
typedef struct {
  const gemm_kernels *kernels;
  int64_t element_size;  // 4 or 8
  int64_t m, n, k;
  const void *a;
  int64_t a_row_stride, a_column_stride;
  const void *b;
  int64_t b_row_stride, b_column_stride;
  void *c;
  int64_t c_row_stride;
  double alpha, beta;
  const void *row_bias, *column_bias;
  int activation;
  /// If set, they replace a and b.
  gemm_panel_source a_source, b_source;
  const void *a_context, *b_context;
} gemm_product;

/// Chooses the way by shape, and runs in parallel unless called from inside a parallel loop.
void gemm_run(const gemm_product *product);

// The ways. Only the packed one takes sources; the strided one needs the columns of B contiguous, the dots one the rows of A and
// the columns of B contiguous along k.
void gemm_run_packed(const gemm_product *product);
void gemm_run_half_packed(const gemm_product *product);
void gemm_run_strided(const gemm_product *product);
void gemm_run_dots(const gemm_product *product);

/// The length of the blocks that k is cut into, at least 1. Depends on k alone, so that results do not depend on anything else.
int64_t gemm_k_block(int64_t k);

/// One activation in double, by libm.
static inline double gemm_activate_one(double x, int activation) {
  switch (activation) {
    case EMBER_ACTIVATION_RELU: return x < 0 ? 0 : x;
    case EMBER_ACTIVATION_GELU: return 0.5 * x * (1 + erf(x * 0.7071067811865476));
    case EMBER_ACTIVATION_GELU_TANH: return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case EMBER_ACTIVATION_SIGMOID: return 1 / (1 + exp(-x));
    case EMBER_ACTIVATION_TANH: return tanh(x);
    case EMBER_ACTIVATION_SILU: return x / (1 + exp(-x));
    default: return x;
  }
}

static inline bool gemm_is_half(int dtype) { return dtype == EMBER_FLOAT16 || dtype == EMBER_BFLOAT16; }

#endif
