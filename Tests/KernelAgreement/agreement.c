// Every set of kernels that the machine has against the scalar one, without Swift: for architectures that the package is
// only cross-compiled for. `scripts/test-deep arm64` builds this for arm64, where the baseline is NEON, and runs it in qemu.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CEmberKernels.h"
#include "elements.h"

static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 129, 1025, 4097};
static const int floating[] = {EMBER_FLOAT32, EMBER_FLOAT64, EMBER_FLOAT16, EMBER_BFLOAT16};
static const char *const names[EMBER_DTYPE_COUNT] = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16",
    "float32", "float64"};
static int64_t comparisons, failures;

#define EACH(variable, array)                                                                                         \
  for (size_t variable##_ = 0, variable##_once = 0; variable##_ < sizeof(array) / sizeof *(array); variable##_++, variable##_once = 0) \
    for (__typeof__((array)[0]) variable = (array)[variable##_]; !variable##_once; variable##_once = 1)

static uint64_t state = 1;
static double uniform(double low, double high) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * (double)(state >> 11) * 0x1p-53;
}

// Random numbers in memory of the exact size, so that a sanitizer sees what is read past them.
static void *numbers(int dtype, int64_t n, double low, double high) {
  void *memory = malloc((size_t)n * ember_dtype_size(dtype) + (n == 0));
  for (int64_t i = 0; i < n; i++) {
    if (element_is_integer(dtype)) element_store_integer(dtype, memory, i, (int64_t)floor(uniform(low, high)));
    else element_store_double(dtype, memory, i, uniform(low, high));
  }
  return memory;
}

static double tolerance_of(int dtype) {
  switch (dtype) {
    case EMBER_FLOAT32: return 2e-5;
    case EMBER_FLOAT64: return 1e-12;
    case EMBER_FLOAT16: return 4e-3;
    case EMBER_BFLOAT16: return 3e-2;
    default: return 0;
  }
}

static double value_at(int dtype, const void *memory, int64_t i) {
  return element_is_integer(dtype) ? (double)element_load_integer(dtype, memory, i) : element_load_double(dtype, memory, i);
}

static void compare(const char *what, int64_t size, int dtype, int isa, const void *actual, const void *expected, int64_t n) {
  double scale = 1;
  for (int64_t i = 0; i < n; i++) {
    const double y = value_at(dtype, expected, i);
    if (isfinite(y)) scale = fmax(scale, fabs(y));
  }
  comparisons++;
  for (int64_t i = 0; i < n; i++) {
    const double x = value_at(dtype, actual, i), y = value_at(dtype, expected, i);
    if (x == y || (x != x && y != y) || fabs(x - y) <= tolerance_of(dtype) * scale) continue;
    printf("%s %s, size %lld, instruction set %d: %g instead of %g at %lld\n", what, names[dtype], (long long)size, isa, x, y,
        (long long)i);
    failures++;
    return;
  }
}

// Runs `call`, which writes `count` elements to `out`, with every set of kernels.
#define AGREE(what, size, out_dtype, count, call)                                                \
  do {                                                                                           \
    const size_t bytes = (size_t)(count) * ember_dtype_size(out_dtype);                          \
    void *expected = calloc(bytes + 1, 1), *out = expected;                                      \
    ember_isa_set(EMBER_ISA_SCALAR);                                                             \
    call;                                                                                        \
    for (int isa = EMBER_ISA_BASELINE; isa <= ember_isa_best(); isa++) {                         \
      out = calloc(bytes + 1, 1);                                                                \
      ember_isa_set(isa);                                                                        \
      call;                                                                                      \
      compare(what, size, out_dtype, isa, out, expected, count);                                 \
      free(out);                                                                                 \
    }                                                                                            \
    free(expected);                                                                              \
  } while (0)

// MARK: Families

static bool gives_truth(int opcode) {
  return (opcode >= EMBER_OP_IS_NAN && opcode <= EMBER_OP_LOGICAL_NOT) || (opcode >= EMBER_OP_EQUAL && opcode <= EMBER_OP_LOGICAL_XOR);
}

static void pointwise(void) {
  static const struct { int type, dtype; } types[] = {
    {EMBER_TYPE_FLOAT32, EMBER_FLOAT32}, {EMBER_TYPE_FLOAT64, EMBER_FLOAT64}, {EMBER_TYPE_FLOAT32, EMBER_FLOAT16},
        {EMBER_TYPE_FLOAT32, EMBER_BFLOAT16},
    {EMBER_TYPE_INT64, EMBER_INT64}, {EMBER_TYPE_INT32, EMBER_INT32}, {EMBER_TYPE_INT16, EMBER_INT16}, {EMBER_TYPE_UINT8, EMBER_UINT8}};
  for (int opcode = EMBER_OP_NEGATE; opcode < EMBER_OP_COUNT; opcode++) {
    if (opcode == EMBER_OP_MAKE_COMPLEX) continue;
    EACH(t, types) {
      if (!ember_pointwise_supports(opcode, t.type)) continue;
      EACH(n, sizes) {
        if (n > 200) continue;
        const bool is_integer = element_is_integer(t.dtype), selects = opcode == EMBER_OP_SELECT;
        void *a = numbers(selects ? EMBER_BOOL : t.dtype, n, selects ? 0 : is_integer ? 1 : 0.1, selects ? 2 : is_integer ? 9 : 0.9);
        void *b = numbers(t.dtype, n, is_integer ? 1 : 0.1, is_integer ? 5 : 0.9), *c = numbers(t.dtype, n, is_integer ? 1 : 0.1,
            is_integer ? 5 : 0.9);
        const uint8_t result = gives_truth(opcode) ? EMBER_TYPE_BOOL : (uint8_t)t.type,
            result_dtype = gives_truth(opcode) ? EMBER_BOOL : (uint8_t)t.dtype;
        const uint8_t dtypes[3] = {selects ? EMBER_BOOL : (uint8_t)t.dtype, (uint8_t)t.dtype, (uint8_t)t.dtype};
        const uint8_t kinds[3] = {selects ? EMBER_TYPE_BOOL : (uint8_t)t.type, (uint8_t)t.type, (uint8_t)t.type};
        const ember_instruction step = {.opcode = (uint16_t)opcode, .type = (uint8_t)t.type, .result_type = result, .result = 3,
            .a = 0, .b = 1, .c = 2};
        const uint16_t slot = 3;
        const ember_program program = {.input_count = 3, .register_count = 1, .instruction_count = 1, .output_count = 1,
            .input_dtype = dtypes,
                                       .input_type = kinds, .instructions = &step, .output_dtype = &result_dtype,
                                           .output_type = &result, .output_slot = &slot};
        char what[32];
        snprintf(what, sizeof what, "opcode %d", opcode);
        AGREE(what, n, result_dtype, n, ({
          void *pointers[4] = {a, b, c, out};
          ember_pointwise_flat(&program, pointers, NULL, n);
        }));
        free(a), free(b), free(c);
      }
    }
  }
}

static void reductions(void) {
  static const int dtypes[] = {EMBER_FLOAT32, EMBER_FLOAT64, EMBER_FLOAT16, EMBER_BFLOAT16, EMBER_INT32, EMBER_INT64, EMBER_UINT8};
  EACH(dtype, dtypes) EACH(n, sizes) for (int way = 0; way < 3; way++) {
    const int64_t outer = way == 0 ? 3 : 1, inner = way == 1 ? 5 : way == 2 ? 33 : 1, strides[3] = {n * inner, inner, 1};
    const bool is_floating = element_is_floating(dtype);
    void *x = numbers(dtype, outer * n * inner, is_floating ? 0.9 : 0, is_floating ? 1.1 : 4);
    for (int operation = 0; operation < EMBER_REDUCE_OPERATION_COUNT; operation++) {
      const bool truth = operation == EMBER_REDUCE_ANY || operation == EMBER_REDUCE_ALL;
      const bool position = operation == EMBER_REDUCE_ARGMAX || operation == EMBER_REDUCE_ARGMIN || operation == EMBER_REDUCE_COUNT_NONZERO;
      const int result = truth ? EMBER_BOOL : position ? EMBER_INT64 : is_floating ? dtype : EMBER_INT64;
      char what[32];
      snprintf(what, sizeof what, "reduction %d, way %d", operation, way);
      AGREE(what, n, result, outer * inner, ember_reduce(operation, dtype, x, strides, result, out, outer, n, inner));
    }
    if (is_floating) {
      AGREE("variance", n, dtype, outer * inner, ember_variance(dtype, x, strides, out, NULL, outer, n, inner, 1, false));
      AGREE("norm 2", n, dtype, outer * inner, ember_norm(dtype, x, strides, dtype, out, outer, n, inner, 2));
      AGREE("norm 3", n, dtype, outer * inner, ember_norm(dtype, x, strides, dtype, out, outer, n, inner, 3));
    }
    free(x);
  }
}

static void rows(void) {
  EACH(dtype, floating) EACH(n, sizes) {
    const int64_t count = 6 * n;
    const int statistics = dtype == EMBER_FLOAT64 ? EMBER_FLOAT64 : EMBER_FLOAT32;
    void *x = numbers(dtype, count, -2, 2), *dy = numbers(dtype, count, -2, 2), *w = numbers(dtype, n + 6, 0.5, 1.5),
        *b = numbers(dtype, n + 6, -1, 1);
    void *mean = numbers(statistics, 6 + n, -0.2, 0.2), *rstd = numbers(statistics, 6 + n, 0.9, 1.1);
    int64_t labels[6] = {0, 0, n > 2, 0, n > 1, 0};
    for (int log = 0; log < 2; log++) {
      AGREE("softmax", n, dtype, count, ember_softmax(dtype, log, x, out, 6, n, 1));
      AGREE("softmax of columns", n, dtype, count, ember_softmax(dtype, log, x, out, 2, 3, n));
      AGREE("softmax, backward", n, dtype, count, ember_softmax_backward(dtype, log, dy, x, out, 6, n, 1));
    }
    AGREE("layer norm", n, dtype, count, ember_layer_norm(dtype, x, w, b, 1e-2, out, NULL, NULL, 6, n));
    AGREE("layer norm, backward", n, dtype, count, ember_layer_norm_backward(dtype, dy, x, mean, rstd, w, out, NULL, NULL, 6, n));
    AGREE("layer norm, weight", n, dtype, n, ember_layer_norm_backward(dtype, dy, x, mean, rstd, w, NULL, out, NULL, 6, n));
    AGREE("group norm", n, dtype, count, ember_group_norm(dtype, x, w, b, 1e-2, out, mean, rstd, 1, 6, n, 2));
    AGREE("batch norm", n, dtype, count, ember_batch_norm(dtype, true, x, w, b, 1e-2, mean, rstd, rstd, out, 2, 3, n));
    AGREE("batch norm of a matrix", n, dtype, count, ember_batch_norm(dtype, true, x, w, b, 1e-2, mean, rstd, rstd, out, 6, n, 1));
    AGREE("batch norm, backward", n, dtype, count, ember_batch_norm_backward(dtype, true, dy, x, mean, rstd, w, out, NULL, NULL, 2, 3, n));
    if (n > 0) AGREE("cross entropy", n, statistics, 6, (void)ember_cross_entropy_forward(dtype, x, labels, w, -100, 0.1, out, mean,
        6, n, 1));
    free(x), free(dy), free(w), free(b), free(mean), free(rstd);
  }
}

static void products(void) {
  static const int dtypes[] = {EMBER_FLOAT32, EMBER_FLOAT64, EMBER_FLOAT16, EMBER_BFLOAT16, EMBER_INT32, EMBER_INT64};
  static const int64_t heights[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 40}, widths[] = {0, 1, 3, 4, 5, 7, 8, 9, 16, 17, 33, 70},
      depths[] = {0, 1, 3, 8, 17, 64, 390, 520};
  EACH(dtype, dtypes) EACH(m, heights) EACH(n, widths) EACH(k, depths) for (int way = 0; way < 4; way++) {
    if (k > 64 && (m + n) % 3) continue;
    const bool is_floating = element_is_floating(dtype);
    void *a = numbers(dtype, m * k, -2, 2), *b = numbers(dtype, k * n, -2, 2), *bias = numbers(dtype, n, -2, 2);
    const ember_gemm_epilogue finish = {.alpha = 1, .column_bias = bias, .activation = way == 1 && is_floating ? EMBER_ACTIVATION_GELU : 0};
    char what[64];
    snprintf(what, sizeof what, "[%d, %d] by [%d, %d], way %d", (int)m, (int)k, (int)k, (int)n, way);
    AGREE(what, n, dtype, m * n,
          ember_gemm(dtype, m, n, k, a, way & 1 ? 1 : k, way & 1 ? m : 1, b, way & 2 ? 1 : n, way & 2 ? k : 1, out, n,
              way == 0 ? NULL : &finish));
    free(a), free(b), free(bias);
  }
}

// Into a C with rows that lie further apart, of which something is kept.
static void finished_product(int dtype, int64_t m, int64_t n, int64_t k, const void *a, const void *b, int way, const void *before,
                             const ember_gemm_epilogue *finish, void *c) {
  const size_t row = (size_t)(n + 3) * ember_dtype_size(dtype);
  memcpy(c, before, (size_t)m * row);
  ember_gemm(dtype, m, n, k, a, way & 1 ? 1 : k, way & 1 ? m : 1, b, way & 2 ? 1 : n, way & 2 ? k : 1, c, n + 3, finish);
}

// Products of many rows, of several blocks of k, and of few columns, with all that can be done to their results.
static void finished_products(void) {
  static const int dtypes[] = {EMBER_FLOAT32, EMBER_FLOAT64, EMBER_FLOAT16, EMBER_BFLOAT16};
  static const struct { int64_t m, n, k; } shapes[] = {{129, 40, 17}, {150, 70, 520}, {143, 33, 900}, {300, 9, 64}, {64, 10, 256},
      {100, 70, 390}, {33, 32, 1040}, {200, 130, 33}};
  static const int activations[] = {EMBER_ACTIVATION_NONE, EMBER_ACTIVATION_RELU, EMBER_ACTIVATION_SILU};
  EACH(dtype, dtypes) EACH(s, shapes) for (int way = 0; way < 4; way++) {
    void *a = numbers(dtype, s.m * s.k, -1, 1), *b = numbers(dtype, s.k * s.n, -1, 1), *rows = numbers(dtype, s.m, -2, 2);
    void *columns = numbers(dtype, s.n, -2, 2), *before = numbers(dtype, s.m * (s.n + 3), -2, 2);
    EACH(activation, activations) for (int parts = 0; parts < 4; parts++) {
      const ember_gemm_epilogue finish = {.alpha = 0.5, .beta = parts == 0 ? 0 : parts == 1 ? 1 : 0.25, .row_bias = parts & 1 ? rows : NULL,
                                          .column_bias = parts & 2 ? columns : NULL, .activation = activation};
      char what[80];
      snprintf(what, sizeof what, "finished [%d, %d] by [%d, %d], way %d, activation %d, parts %d", (int)s.m, (int)s.k, (int)s.k, (int)s.n, way,
               activation, parts);
      AGREE(what, s.n, dtype, s.m * (s.n + 3), finished_product(dtype, s.m, s.n, s.k, a, b, way, before, &finish, out));
    }
    free(a), free(b), free(rows), free(columns), free(before);
  }
}

// With the weights packed for the set of instructions in use, and something added before the activation.
static void packed_convolution(int dtype, const ember_convolution *c, const void *x, const void *w, const void *bias, const void *addend,
                               int activation, void *y) {
  const size_t bytes = (size_t)ember_convolution_packed_bytes(dtype, c);
  void *packed = bytes ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
  if (packed) ember_convolution_pack(dtype, c, w, packed);
  const ember_convolution_terms terms = {.w = w, .packed = packed, .bias = bias, .addend = addend, .activation = activation};
  ember_convolution_forward(dtype, c, x, &terms, y);
  free(packed);
}

static void windows(void) {
  static const struct { int64_t in, out, groups, width, kernel, stride; } shapes[] = {
    {1, 8, 1, 9, 3, 1}, {3, 5, 1, 17, 3, 2}, {16, 17, 1, 7, 3, 1}, {17, 33, 1, 12, 1, 1}, {6, 6, 6, 15, 3, 1}, {6, 12, 2, 8, 5, 1},
    {40, 36, 1, 6, 3, 1}, {4, 4, 1, 1, 1, 1}, {5, 5, 5, 33, 3, 2}, {0, 4, 1, 5, 3, 1}, {33, 70, 1, 7, 1, 1}, {36, 40, 2, 14, 3, 1},
    {70, 33, 1, 13, 3, 1}, {160, 150, 1, 12, 3, 1}, {64, 520, 1, 7, 1, 1}, {40, 70, 1, 16, 1, 1}, {33, 40, 1, 28, 3, 1}};
  EACH(dtype, floating) EACH(s, shapes) {
    const int64_t padding = s.kernel / 2, output = (s.width + 2 * padding - s.kernel) / s.stride + 1, batch = 2;
    const ember_convolution c = {.spatial_rank = 2, .batch = batch, .in_channels = s.in, .out_channels = s.out, .groups = s.groups,
                                 .input = {s.width, s.width}, .kernel = {s.kernel, s.kernel}, .output = {output, output},
                                 .stride = {s.stride, s.stride}, .padding = {padding, padding}, .dilation = {1, 1}};
    const int64_t inputs = batch * s.in * s.width * s.width, outputs = batch * s.out * output * output,
        weights = s.out * (s.in / s.groups) * s.kernel * s.kernel;
    void *x = numbers(dtype, inputs, -2, 2), *w = numbers(dtype, weights, -2, 2), *b = numbers(dtype, s.out, -2, 2),
        *dy = numbers(dtype, outputs, -2, 2);
    const ember_convolution_terms terms = {.w = w, .bias = b, .activation = EMBER_ACTIVATION_RELU};
    AGREE("convolution", s.in, dtype, outputs, ember_convolution_forward(dtype, &c, x, &terms, out));
    AGREE("convolution, packed, with an addend", s.in, dtype, outputs, packed_convolution(dtype, &c, x, w, NULL, dy, EMBER_ACTIVATION_SILU, out));
    AGREE("convolution, packed, with bias, addend and ReLU", s.in, dtype, outputs,
          packed_convolution(dtype, &c, x, w, b, dy, EMBER_ACTIVATION_RELU, out));
    AGREE("convolution, input", s.in, dtype, inputs, ember_convolution_backward_input(dtype, &c, dy, w, out));
    AGREE("convolution, weight", s.in, dtype, weights, ember_convolution_backward_weight(dtype, &c, x, dy, out, NULL));
    free(x), free(w), free(b), free(dy);
  }
  EACH(dtype, floating) EACH(n, sizes) for (int64_t stride = 1; stride < 4; stride++) {
    if (n > 200 || n == 0) continue;
    const ember_pooling p = {.spatial_rank = 2, .planes = 3, .input = {7, n}, .output = {(7 + 2 - 3) / stride + 1,
        (n + 2 - 3) / stride + 1},
                             .kernel = {3, 3}, .stride = {stride, stride}, .padding = {1, 1}, .dilation = {1, 1}};
    const int64_t inputs = 3 * 7 * n, outputs = 3 * p.output[0] * p.output[1];
    void *x = numbers(dtype, inputs, -2, 2), *dy = numbers(dtype, outputs, -2, 2);
    int64_t *indices = malloc((size_t)outputs * sizeof(int64_t));
    AGREE("max pool", n, dtype, outputs, ember_max_pool(dtype, &p, x, out, indices));
    AGREE("max pool, backward", n, dtype, inputs, ember_max_pool_backward(dtype, &p, dy, indices, out));
    AGREE("average pool", n, dtype, outputs, ember_average_pool(dtype, &p, x, out, false, 0));
    AGREE("average pool, backward", n, dtype, inputs, ember_average_pool_backward(dtype, &p, dy, out, true, 0));
    AGREE("adaptive average pool", n, dtype, outputs, ember_adaptive_average_pool(dtype, &p, x, out));
    free(x), free(dy), free(indices);
  }
}

static void optimizers(void) {
  EACH(dtype, floating) EACH(n, sizes) {
    const size_t bytes = (size_t)n * ember_dtype_size(dtype);
    void *start = numbers(dtype, n, -1, 1), *gradient = numbers(dtype, n, 0.2, 1), *average = malloc(bytes + 1),
        *square = malloc(bytes + 1);
    const void *gradients[1] = {gradient};
    void *averages[1] = {average}, *squares[1] = {square};
    const ember_sgd_options sgd = {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true};
    const ember_adam_options adam = {.learning_rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01,
        .bias_correction1 = 0.1,
                                     .bias_correction2 = 0.001, .decoupled = true};
    AGREE("SGD", n, dtype, n, ({
      void *parameters[1] = {out};
      memcpy(out, start, bytes), memset(average, 0, bytes);
      for (int i = 0; i < 2; i++) ember_sgd_step(dtype, 1, &n, parameters, gradients, averages, &sgd);
    }));
    AGREE("Adam", n, dtype, n, ({
      void *parameters[1] = {out};
      memcpy(out, start, bytes), memset(average, 0, bytes), memset(square, 0, bytes);
      for (int i = 0; i < 2; i++) ember_adam_step(dtype, 1, &n, parameters, gradients, averages, squares, NULL, &adam);
    }));
    free(start), free(gradient), free(average), free(square);
  }
}

static void random_numbers(void) {
  EACH(dtype, floating) EACH(n, sizes) {
    AGREE("uniform", n, dtype, n, ({
      ember_generator generator;
      ember_generator_seed(&generator, 5);
      ember_random_uniform(&generator, dtype, out, n, -1, 2);
    }));
    AGREE("normal", n, dtype, n, ({
      ember_generator generator;
      ember_generator_seed(&generator, 5);
      ember_random_normal(&generator, dtype, out, n, 0, 1);
    }));
  }
}

/// Random bits with scales of a sensible size, in memory of the exact size.
static uint8_t *packed_weights(int format, int64_t count) {
  const int64_t bytes = ember_block_bytes(format);
  const bool has_minimum = format == EMBER_Q4_1 || format == EMBER_Q5_1 || format == EMBER_Q4_K || format == EMBER_Q5_K;
  uint8_t *w = malloc((size_t)(count * bytes) + (count == 0));
  for (int64_t i = 0; i < count * bytes; i++) w[i] = (uint8_t)uniform(0, 256);
  // 16-bit numbers around 1/16.
  for (int64_t i = 0; i < count; i++) {
    uint8_t *block = w + i * bytes;
    block[format == EMBER_Q6_K ? 209 : 1] = 0x2c;
    if (has_minimum) block[3] = 0xac;
  }
  return w;
}

static void packed(void) {
  static const int64_t rows[] = {1, 3, 4, 6, 16, 17, 33}, columns[] = {0, 1, 2, 5};
  for (int format = 0; format < EMBER_BLOCK_FORMATS; format++) {
    EACH(blocks, columns) EACH(n, rows) {
      const int64_t k = blocks * ember_block_weights(format);
      uint8_t *w = packed_weights(format, n * blocks);
      char what[32];
      snprintf(what, sizeof what, "packed weights %d", format);
      AGREE(what, k, EMBER_FLOAT32, n * k, ember_dequantize(format, w, out, n * blocks));
      EACH(m, rows) {
        float *x = numbers(EMBER_FLOAT32, m * k, -1, 1);
        snprintf(what, sizeof what, "product with packed %d", format);
        AGREE(what, k, EMBER_FLOAT32, m * n, ember_quantized_linear(format, w, x, out, m, n, k));
        free(x);
      }
      free(w);
    }
  }
}

int main(void) {
  pointwise();
  reductions();
  rows();
  products();
  finished_products();
  windows();
  optimizers();
  random_numbers();
  packed();
  printf("%lld comparisons with the scalar kernels, %lld differ; best instruction set: %d\n", (long long)comparisons,
      (long long)failures, ember_isa_best());
  return failures != 0;
}
