// Simplifying dimensions and moving elements between strided layouts.
#include "strided_internal.h"

#include <string.h>

// MARK: Dimensions

void ember_simplify(ember_dimensions *dimensions, int rank, const int64_t *shape, int operand_count,
                    const int64_t *const *strides, const uint8_t *element_sizes, char **pointers, int leader) {
  int order[EMBER_MAXIMUM_RANK], kept = 0;
  dimensions->count = 1;
  for (int d = 0; d < rank; d++) dimensions->count *= shape[d];
  if (dimensions->count == 0) {
    dimensions->rank = 0;
    return;
  }
  // Longest stride of the leader first; equal ones keep their order.
  for (int d = 0; d < rank; d++) {
    if (shape[d] == 1) continue;
    int place = kept++;
    int64_t stride = strides[leader][d] < 0 ? -strides[leader][d] : strides[leader][d];
    for (; place > 0; place--) {
      int64_t other = strides[leader][order[place - 1]];
      if ((other < 0 ? -other : other) >= stride) break;
      order[place] = order[place - 1];
    }
    order[place] = d;
  }
  // Join a dimension to the one outside it where every operand steps on as if they were one.
  int joined = 0;
  int first[EMBER_MAXIMUM_RANK];  // the innermost dimension of each joined group
  for (int k = 0; k < kept; k++) {
    int d = order[k];
    bool joins = joined > 0;
    for (int o = 0; joins && o < operand_count; o++)
      joins = strides[o][first[joined - 1]] == strides[o][d] * shape[d];
    if (joins) {
      dimensions->shape[joined - 1] *= shape[d];
      first[joined - 1] = d;
    } else {
      dimensions->shape[joined] = shape[d];
      first[joined++] = d;
    }
  }
  dimensions->rank = joined;
  for (int o = 0; o < operand_count; o++)
    for (int k = 0; k < joined; k++) dimensions->strides[o * joined + k] = strides[o][first[k]];
  for (int k = 0; k < joined; k++) {
    if (dimensions->strides[leader * joined + k] >= 0) continue;
    for (int o = 0; o < operand_count; o++) {
      int64_t *stride = &dimensions->strides[o * joined + k];
      pointers[o] += *stride * (dimensions->shape[k] - 1) * element_sizes[o];
      *stride = -*stride;
    }
  }
}

// MARK: Rows

typedef struct {
  uint64_t low, high;
} element16;

// Element sizes as integers; memory of float elements is read through them, hence may_alias. Only 8-byte alignment is sure
// for 16-byte elements (pairs of doubles), which element16 asks for.
typedef uint8_t move1 __attribute__((may_alias));
typedef uint16_t move2 __attribute__((may_alias));
// Pairs of floats and of halves are as aligned as one of the pair.
typedef uint64_t move8 __attribute__((may_alias, aligned(4)));
typedef uint32_t move4_loose __attribute__((may_alias, aligned(2)));
typedef element16 move16 __attribute__((may_alias));

#define MOVE_LOOP(type)                                                                        \
  do {                                                                                         \
    type *to = (type *)dst;                                                                    \
    const type *from = (const type *)src;                                                      \
    if (src_stride == 0 && dst_stride == 1) {                                                  \
      const type value = *from;                                                                \
      for (int64_t i = 0; i < count; i++) to[i] = value;                                       \
    } else if (dst_stride == 1 && src_stride == 1 && count < 32) {                             \
      /* Shorter than a call of memcpy. */                                                     \
      for (int64_t i = 0; i < count; i++) to[i] = from[i];                                     \
    } else if (dst_stride == 1 && src_stride == 1) {                                           \
      memmove(dst, src, (size_t)count * sizeof(type));                                         \
    } else if (dst_stride == 1) {                                                              \
      for (int64_t i = 0; i < count; i++) to[i] = from[i * src_stride];                        \
    } else {                                                                                   \
      for (int64_t i = 0; i < count; i++) to[i * dst_stride] = from[i * src_stride];           \
    }                                                                                          \
  } while (0)

void ember_move(size_t size, char *dst, int64_t dst_stride, const char *src, int64_t src_stride, int64_t count) {
  switch (size) {
    case 1: MOVE_LOOP(move1); break;
    case 2: MOVE_LOOP(move2); break;
    case 4: MOVE_LOOP(move4_loose); break;
    case 8: MOVE_LOOP(move8); break;
    default: MOVE_LOOP(move16); break;
  }
}

// MARK: Transposing in registers
// 16-byte vectors exist on every machine that this is built for.

typedef uint8_t bytes16 __attribute__((ext_vector_type(16)));
typedef uint16_t shorts8 __attribute__((ext_vector_type(8)));
typedef uint32_t ints4 __attribute__((ext_vector_type(4)));
typedef uint64_t longs2 __attribute__((ext_vector_type(2)));
typedef ints4 vector_memory __attribute__((aligned(1), may_alias));

// Interleaving the rows' lower and upper halves log2(lanes) times transposes.
#define INTERLEAVE_LOW_16(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define INTERLEAVE_HIGH_16(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define INTERLEAVE_LOW_8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define INTERLEAVE_HIGH_8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define INTERLEAVE_LOW_4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define INTERLEAVE_HIGH_4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define INTERLEAVE_LOW_2(a, b) __builtin_shufflevector(a, b, 0, 2)
#define INTERLEAVE_HIGH_2(a, b) __builtin_shufflevector(a, b, 1, 3)

// transpose_<size>: dst is contiguous along rows' index, src along columns (strides in elements).
//
// Squares of N x N elements, N to a vector, are transposed in registers. Around them go blocks of one cache line in both
// directions: the source's lines are read whole into a dense block, and the destination's are written whole from another.
// Straight from one to the other, rows a power of two apart would push each other out of the cache between visits.
// One function per size, because only with constant sizes are the squares' loops unrolled into registers.
#define TRANSPOSE(size, vector, N, rounds)                                                                              \
  static inline __attribute__((always_inline)) void square_##size(char *dst, int64_t dst_pitch, const char *src,        \
                                                                  int64_t src_pitch) {                                  \
    vector rows[N], next[N];                                                                                            \
    _Pragma("clang loop unroll(full)") for (int r = 0; r < N; r++) rows[r] =                                            \
        (vector) * (const vector_memory *)(src + r * src_pitch);                                                        \
    _Pragma("clang loop unroll(full)") for (int round = 0; round < rounds; round++) {                                   \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < N / 2; r++) {                                              \
        next[2 * r] = INTERLEAVE_LOW_##N(rows[r], rows[r + N / 2]);                                                     \
        next[2 * r + 1] = INTERLEAVE_HIGH_##N(rows[r], rows[r + N / 2]);                                                \
      }                                                                                                                 \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < N; r++) rows[r] = next[r];                                 \
    }                                                                                                                   \
    _Pragma("clang loop unroll(full)") for (int r = 0; r < N; r++) *(vector_memory *)(dst + r * dst_pitch) =            \
        (ints4)rows[r];                                                                                                 \
  }                                                                                                                     \
  static void transpose_##size(char *dst, int64_t dst_column, const char *src, int64_t src_row, int64_t rows,           \
                               int64_t columns) {                                                                       \
    enum { LINE = 64, BLOCK = LINE / size };                                                                            \
    const int64_t dst_pitch = dst_column * size, src_pitch = src_row * size;                                            \
    _Alignas(LINE) char before[BLOCK * LINE], after[BLOCK * LINE];                                                      \
    const int64_t whole_rows = rows / BLOCK * BLOCK, whole_columns = columns / BLOCK * BLOCK;                           \
    for (int64_t r = 0; r < whole_rows; r += BLOCK)                                                                     \
      for (int64_t c = 0; c < whole_columns; c += BLOCK) {                                                              \
        for (int i = 0; i < BLOCK; i++)                                                                                 \
          __builtin_memcpy(before + i * LINE, src + (r + i) * src_pitch + c * size, LINE);                              \
        for (int j = 0; j < BLOCK; j += N)                                                                              \
          for (int i = 0; i < BLOCK; i += N)                                                                            \
            square_##size(after + j * LINE + i * size, LINE, before + i * LINE + j * size, LINE);                       \
        for (int j = 0; j < BLOCK; j++)                                                                                 \
          __builtin_memcpy(dst + (c + j) * dst_pitch + r * size, after + j * LINE, LINE);                               \
      }                                                                                                                 \
    /* What blocks leave over: squares, then the edges. */                                                              \
    const int64_t square_rows = rows / N * N, square_columns = columns / N * N;                                         \
    for (int64_t c = 0; c < square_columns; c += N)                                                                     \
      for (int64_t r = c < whole_columns ? whole_rows : 0; r < square_rows; r += N)                                     \
        square_##size(dst + c * dst_pitch + r * size, dst_pitch, src + r * src_pitch + c * size, src_pitch);            \
    for (int64_t c = 0; c < columns; c++) {                                                                             \
      const int64_t from = c < square_columns ? square_rows : 0;                                                        \
      if (from < rows)                                                                                                  \
        ember_move(size, dst + c * dst_pitch + from * size, 1, src + from * src_pitch + c * size, src_row, rows - from); \
    }                                                                                                                   \
  }
TRANSPOSE(1, bytes16, 16, 4)
TRANSPOSE(2, shorts8, 8, 3)
TRANSPOSE(4, ints4, 4, 2)
TRANSPOSE(8, longs2, 2, 1)

static void transpose(size_t size, char *dst, int64_t dst_column, const char *src, int64_t src_row, int64_t rows,
                      int64_t columns) {
  switch (size) {
    case 1: transpose_1(dst, dst_column, src, src_row, rows, columns); break;
    case 2: transpose_2(dst, dst_column, src, src_row, rows, columns); break;
    case 4: transpose_4(dst, dst_column, src, src_row, rows, columns); break;
    default: transpose_8(dst, dst_column, src, src_row, rows, columns); break;
  }
}

void ember_move_2d(size_t size, char *dst, int64_t dst_row, int64_t dst_column, const char *src, int64_t src_row,
                   int64_t src_column, int64_t rows, int64_t columns) {
  const int64_t step = (int64_t)size;
  if (size < 16 && dst_row == 1 && src_column == 1) {
    transpose(size, dst, dst_column, src, src_row, rows, columns);
  } else if (size < 16 && dst_column == 1 && src_row == 1) {
    transpose(size, dst, dst_row, src, src_column, columns, rows);
  } else if (dst_row == 1) {
    for (int64_t c = 0; c < columns; c++)
      ember_move(size, dst + c * dst_column * step, dst_row, src + c * src_column * step, src_row, rows);
  } else {
    for (int64_t r = 0; r < rows; r++)
      ember_move(size, dst + r * dst_row * step, dst_column, src + r * src_row * step, src_column, columns);
  }
}

// MARK: Linear ranges

// Rows may be as short as an element, so the loop over them is made for each size, with the common strides told apart inside.
#define WALK(type)                                                                         \
  while (count > 0) {                                                                      \
    int64_t part = shape[inner] - index[inner];                                            \
    if (part > count) part = count;                                                        \
    type *row = (type *)strided, *run = (type *)dense;                                     \
    if (part >= 64)                                                                        \
      ember_move(sizeof(type), gathers ? dense : strided, gathers ? 1 : stride,            \
                 gathers ? strided : dense, gathers ? stride : 1, part);                   \
    else if (!gathers)                                                                     \
      for (int64_t i = 0; i < part; i++) row[i * stride] = run[i];                         \
    else if (stride == 1)                                                                  \
      for (int64_t i = 0; i < part; i++) run[i] = row[i];                                  \
    else                                                                                   \
      for (int64_t i = 0; i < part; i++) run[i] = row[i * stride];                         \
    dense += part * (int64_t)sizeof(type);                                                 \
    count -= part;                                                                         \
    /* Back to the row's start, and on by one in the dimensions outside. */                \
    strided -= index[inner] * stride * (int64_t)sizeof(type);                              \
    index[inner] = 0;                                                                      \
    for (int d = inner - 1; d >= 0; d--) {                                                 \
      strided += strides[d] * (int64_t)sizeof(type);                                       \
      if (++index[d] < shape[d]) break;                                                    \
      strided -= strides[d] * shape[d] * (int64_t)sizeof(type);                            \
      index[d] = 0;                                                                        \
    }                                                                                      \
  }

static void walk(size_t size, char *dense, char *strided, bool gathers, int rank, const int64_t *shape,
                 const int64_t *strides, int64_t start, int64_t count) {
  int64_t index[EMBER_MAXIMUM_RANK];
  const int inner = rank - 1;
  const int64_t stride = strides[inner];
  for (int d = inner; d >= 0; d--) {
    index[d] = start % shape[d];
    start /= shape[d];
    strided += index[d] * strides[d] * (int64_t)size;
  }
  switch (size) {
    case 1: WALK(move1) break;
    case 2: WALK(move2) break;
    case 4: WALK(move4_loose) break;
    case 8: WALK(move8) break;
    default: WALK(move16) break;
  }
}

// Elements after which a gathered operand repeats itself: the inner dimensions up to which all outer strides are 0.
static int64_t period(int rank, const int64_t *shape, const int64_t *strides) {
  int d = 0;
  while (d < rank && strides[d] == 0) d++;
  int64_t elements = 1;
  for (; d < rank; d++) elements *= shape[d];
  return elements;
}

void ember_pack_elements(size_t size, char *dst, const char *src, int rank, const int64_t *shape, const int64_t *strides,
                  int64_t start, int64_t count) {
  // A row that is broadcast to all others: one period, then copies of what is there, doubling.
  int64_t done = strides[0] == 0 ? period(rank, shape, strides) : count;
  if (done > count) done = count;
  walk(size, dst, (char *)src, true, rank, shape, strides, start, done);
  while (done < count) {
    const int64_t part = count - done < done ? count - done : done;
    memcpy(dst + done * (int64_t)size, dst, (size_t)part * size);
    done += part;
  }
}

void ember_unpack_elements(size_t size, char *dst, const char *src, int rank, const int64_t *shape, const int64_t *strides,
                   int64_t start, int64_t count) {
  walk(size, (char *)src, dst, false, rank, shape, strides, start, count);
}
