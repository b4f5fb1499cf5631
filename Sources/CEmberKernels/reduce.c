// Reductions: choice of loop, cutting into chunks, final step. The inner loops are in bodies/reduce.inc.
//
// Work is cut by sizes alone, never by the number of threads, and partial results are combined in order of position.
#include "reduce_internal.h"

#include <stdlib.h>

#include "elements.h"

enum {
  PARALLEL_WORK = 32768,    // elements that are worth a chunk of their own
  SPLIT_COLUMNS = 131072,   // elements in one piece of a split column reduction: its partials are 1/16 of that at most
  MAXIMUM_PIECES = 64,
  ROW_GROUP = 64,           // rows reduced in one call: calls and final steps cost as much as a short row does
};

void reduce_join_log_sum_exp(reduce_partial *partial, double maximum, double sum) {
  if (maximum == -INFINITY || partial->value != partial->value) return;  // exp(-inf) adds nothing; NaN stays
  if (maximum != maximum || maximum == INFINITY || partial->value == INFINITY) {
    if (maximum != maximum || partial->value != INFINITY) partial->value = maximum;
    partial->second = 1;
  } else if (maximum > partial->value) {
    partial->second = partial->second * exp(partial->value - maximum) + sum;
    partial->value = maximum;
  } else {
    partial->second += sum * exp(maximum - partial->value);
  }
}

/// Combines two adjacent pieces of one output; `next` lies after `partial`.
static void combine(const reduce_job *job, reduce_partial *partial, const reduce_partial *next) {
  const bool floating = job->type == REDUCE_F32 || job->type == REDUCE_F64;
  const uint64_t a = (uint64_t)partial->integer, b = (uint64_t)next->integer;
  switch (job->kernel) {
    case REDUCE_PRODUCT:
      partial->value *= next->value;
      partial->integer = (int64_t)(a * b);
      break;
    case REDUCE_MAXIMUM:
    case REDUCE_MAXIMUM_ABSOLUTE:
      reduce_join_maximum(partial, next->value);
      if (next->integer > partial->integer) partial->integer = next->integer;
      break;
    case REDUCE_MINIMUM:
    case REDUCE_MINIMUM_ABSOLUTE:
      reduce_join_minimum(partial, next->value);
      if (next->integer < partial->integer) partial->integer = next->integer;
      break;
    case REDUCE_ARGMAX:
    case REDUCE_ARGMIN: {
      const bool maximum = job->kernel == REDUCE_ARGMAX;
      bool better;
      if (floating) {
        const double x = next->value, best = partial->value;
        better = (maximum ? x > best : x < best) || (x != x && best == best);
      } else {
        better = maximum ? next->integer > partial->integer : next->integer < partial->integer;
      }
      if (next->index >= 0 && (partial->index < 0 || better)) *partial = *next;
      break;
    }
    case REDUCE_LOG_SUM_EXP: reduce_join_log_sum_exp(partial, next->value, next->second); break;
    case REDUCE_MOMENTS: reduce_join_moments(partial, next->integer, next->second, next->value); break;
    default:
      partial->value += next->value;
      partial->integer = (int64_t)(a + b);
      break;
  }
}

// MARK: Final step

/// What happens to a finished partial.
typedef struct {
  int operation;  // a member of ember_reduction, or one of the two below
  int dtype;      // of `out`
  void *out;
  void *second;         // means, or indices
  int64_t out_stride;   // 2 when one component of a complex result is written
  double power;         // of a norm
  double correction;
  bool square_root;
  bool add;  // add to what the other component left: |z|² and complex variance
} reduce_result;

enum { RESULT_NORM = 100, RESULT_VARIANCE = 101 };

static double finished_norm(const reduce_result *result, const reduce_partial *partial) {
  const double p = result->power;
  if (p == 0) return (double)partial->integer;
  if (p == 1 || isinf(p)) return partial->value;
  return p == 2 ? sqrt(partial->value) : pow(partial->value, 1 / p);
}

static void finish(const reduce_job *job, const reduce_result *result, const reduce_partial *partials, int64_t first,
                   int64_t n, int64_t count) {
  const bool floating = job->type == REDUCE_F32 || job->type == REDUCE_F64;
  const bool plain = result->operation <= EMBER_REDUCE_MINIMUM || result->operation == EMBER_REDUCE_MEAN;
  if (floating && plain && result->dtype == EMBER_FLOAT32 && result->out_stride == 1) {
    // The common case without a decision for each output.
    float *out = (float *)result->out + first;
    const double divisor = result->operation == EMBER_REDUCE_MEAN ? (double)count : 1;
    for (int64_t i = 0; i < n; ++i) out[i] = (float)(partials[i].value / divisor);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const reduce_partial *partial = &partials[i];
    const int64_t at = (first + i) * result->out_stride;
    switch (result->operation) {
      case EMBER_REDUCE_ANY: element_store_integer(result->dtype, result->out, at, partial->integer > 0); break;
      case EMBER_REDUCE_ALL:
        // Counting stopped early at the first false, so the count falls short.
        element_store_integer(result->dtype, result->out, at, partial->integer == count);
        break;
      case EMBER_REDUCE_ARGMAX:
      case EMBER_REDUCE_ARGMIN:
        if (result->second) {
          ((int64_t *)result->second)[at] = partial->index < 0 ? 0 : partial->index;
          if (floating) element_store_double(result->dtype, result->out, at, partial->value);
          else element_store_integer(result->dtype, result->out, at, partial->integer);
        } else {
          ((int64_t *)result->out)[at] = partial->index < 0 ? 0 : partial->index;
        }
        break;
      case EMBER_REDUCE_MEAN:
        element_store_double(result->dtype, result->out, at, partial->value / (double)count);
        break;
      case EMBER_REDUCE_LOG_SUM_EXP: {
        const double maximum = partial->value;
        element_store_double(result->dtype, result->out, at,
                             maximum - maximum == 0 ? maximum + log(partial->second) : maximum);
        break;
      }
      case RESULT_NORM: element_store_double(result->dtype, result->out, at, finished_norm(result, partial)); break;
      case RESULT_VARIANCE: {
        const double divisor = (double)count - result->correction;
        double variance = partial->value / (divisor > 0 ? divisor : 0);
        if (count == 0) variance = NAN;
        if (result->add) variance += element_load_double(result->dtype, result->out, at);
        element_store_double(result->dtype, result->out, at, result->square_root ? sqrt(variance) : variance);
        break;
      }
      default:
        if (!floating) {
          element_store_integer(result->dtype, result->out, at, partial->integer);
        } else {
          double value = partial->value;
          if (result->add) value += element_load_double(result->dtype, result->out, at);
          element_store_double(result->dtype, result->out, at, value);
        }
        break;
    }
    if (result->operation == RESULT_VARIANCE && result->second)
      element_store_double(result->dtype, result->second, at, count == 0 ? NAN : partial->second);
  }
}

// MARK: Chunks

/// One reduction, laid out. `rows` outputs are reduced one by one, or `columns` at a time.
typedef struct {
  const reduce_kernels *kernels;
  const reduce_job *job;
  const reduce_result *result;
  const char *in;
  int64_t size;  // bytes of an element
  int64_t s0, s1, s2;
  int64_t outer, count, inner;
  int64_t group;         // outputs (rows) or outer positions (columns) in one chunk
  int64_t blocks;        // column blocks side by side
  int64_t pieces;        // the reduced axis in how many pieces ...
  int64_t piece;         // ... of how many elements
  reduce_partial *partials;  // [piece][output] when there are several
} reduce_layout;

static void row_chunk(void *context, int64_t chunk) {
  const reduce_layout *layout = context;
  const int64_t group = chunk / layout->pieces, piece = chunk % layout->pieces;
  const int64_t outputs = layout->outer * layout->inner, first = group * layout->group;
  const int64_t last = first + layout->group < outputs ? first + layout->group : outputs;
  const int64_t start = piece * layout->piece;
  const int64_t n = layout->count - start < layout->piece ? layout->count - start : layout->piece;
  reduce_partial own[ROW_GROUP];
  for (int64_t output = first; output < last;) {
    // Outputs with one distance between their rows, at most a group of them.
    const int64_t o = output / layout->inner, i = output % layout->inner;
    int64_t rows = last - output < ROW_GROUP ? last - output : ROW_GROUP;
    if (layout->inner > 1 && rows > layout->inner - i) rows = layout->inner - i;
    const char *in = layout->in + (o * layout->s0 + start * layout->s1 + i * layout->s2) * layout->size;
    reduce_partial *partials = layout->partials ? layout->partials + piece * outputs + output : own;
    for (int64_t r = 0; r < rows; ++r) partials[r] = reduce_identity(layout->job);
    layout->kernels->rows(layout->job, in, layout->inner == 1 ? layout->s0 : layout->s2, rows, layout->s1, n, start, partials);
    if (!layout->partials) finish(layout->job, layout->result, partials, output, rows, layout->count);
    output += rows;
  }
}

/// Rows, or pieces of rows, of which a program makes one block at a time. Blocks are those in which rows in memory are summed, so that
/// results are the same.
static void program_chunk(void *context, int64_t chunk) {
  const reduce_layout *layout = context;
  const ember_plan *plan = layout->job->plan;
  const int64_t group = chunk / layout->pieces, piece = chunk % layout->pieces;
  const int64_t first = group * layout->group;
  const int64_t last = first + layout->group < layout->outer ? first + layout->group : layout->outer;
  const int64_t start = piece * layout->piece;
  const int64_t n = layout->count - start < layout->piece ? layout->count - start : layout->piece;
  ember_runner runner;
  if (!ember_runner_start(&runner, plan)) {
    ember_note_scratch_failure();
    return;
  }
  _Alignas(64) char block[REDUCE_BLOCK * 8];
  reduce_partial own[ROW_GROUP];
  for (int64_t output = first; output < last;) {
    // Short rows are made several at a time; of a row's last piece the next row is not the neighbour.
    int64_t rows = layout->pieces == 1 && n < REDUCE_BLOCK ? REDUCE_BLOCK / n : 1;
    if (rows > ROW_GROUP) rows = ROW_GROUP;
    if (rows > last - output) rows = last - output;
    reduce_partial *partials = layout->partials ? layout->partials + piece * layout->outer + output : own;
    for (int64_t r = 0; r < rows; ++r) partials[r] = reduce_identity(layout->job);
    const int64_t total = rows * n;
    for (int64_t at = 0; at < total; at += REDUCE_BLOCK) {
      const int64_t made = total - at < REDUCE_BLOCK ? total - at : REDUCE_BLOCK;
      for (int64_t done = 0; done < made;) {
        const int64_t tile = made - done < plan->tile ? made - done : plan->tile;
        const int64_t position = output * layout->count + start + at + done;
        for (int o = 0; o < plan->operand_count; ++o) {
          const ember_location *operand = &plan->locations[o];
          if (o >= plan->input_count) runner.addresses[o] = block + done * operand->size;
          else if (!operand->uniform) runner.addresses[o] = operand->address + position * operand->size;
        }
        ember_run_steps(plan, &runner, tile);
        done += tile;
      }
      layout->kernels->rows(layout->job, block, n, rows, 1, rows > 1 ? n : made, start + at, partials);
    }
    if (!layout->partials) finish(layout->job, layout->result, partials, output, rows, layout->count);
    output += rows;
  }
  ember_runner_end(&runner);
}

/// Few columns lie in a long dense array: several rows side by side make one wide row, whose columns are combined at the end.
static void narrow_columns(const reduce_layout *layout, const char *in, int64_t n, int64_t first, reduce_partial *partials) {
  const int64_t width = layout->inner, fold = 256 / width, folded = n / fold;
  reduce_partial wide[256];
  for (int64_t j = 0; j < fold * width; ++j) wide[j] = reduce_identity(layout->job);
  layout->kernels->columns(layout->job, in, fold * width, folded, 1, fold * width, first, wide);
  for (int64_t j = 0; j < fold * width; ++j) combine(layout->job, &partials[j % width], &wide[j]);
  layout->kernels->columns(layout->job, in + folded * fold * width * layout->size, width, n - folded * fold, 1, width,
                           first + folded * fold, partials);
}

static void column_chunk(void *context, int64_t chunk) {
  const reduce_layout *layout = context;
  const int64_t piece = chunk % layout->pieces, block = chunk / layout->pieces % layout->blocks;
  const int64_t first = chunk / layout->pieces / layout->blocks * layout->group;
  const int64_t last = first + layout->group < layout->outer ? first + layout->group : layout->outer;
  const int64_t left = block * REDUCE_COLUMNS;
  const int64_t width = layout->inner - left < REDUCE_COLUMNS ? layout->inner - left : REDUCE_COLUMNS;
  const int64_t start = piece * layout->piece;
  const int64_t n = layout->count - start < layout->piece ? layout->count - start : layout->piece;
  const bool indexed = layout->job->kernel == REDUCE_ARGMAX || layout->job->kernel == REDUCE_ARGMIN;
  const bool narrow = !indexed && layout->inner <= 64 && layout->s2 == 1 && layout->s1 == layout->inner && n >= 1024;
  reduce_partial own[REDUCE_COLUMNS];
  for (int64_t o = first; o < last; ++o) {
    const int64_t output = o * layout->inner + left;
    const char *in = layout->in + (o * layout->s0 + start * layout->s1 + left * layout->s2) * layout->size;
    reduce_partial *partials =
        layout->partials ? layout->partials + piece * layout->outer * layout->inner + output : own;
    for (int64_t j = 0; j < width; ++j) partials[j] = reduce_identity(layout->job);
    if (narrow) narrow_columns(layout, in, n, start, partials);
    else layout->kernels->columns(layout->job, in, layout->s1, n, layout->s2, width, start, partials);
    if (!layout->partials) finish(layout->job, layout->result, partials, output, width, layout->count);
  }
}

static int64_t rounded_quotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Runs `body` over the chunks, on the pool if the work is worth it.
static void run_chunks(int64_t chunks, int64_t work, void (*body)(void *, int64_t), reduce_layout *layout) {
  if (chunks > 1 && work >= PARALLEL_WORK) {
    ember_parallel(chunks, body, layout);
  } else {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) body(layout, chunk);
  }
}

static bool reduce(const reduce_job *job, const reduce_result *result, const void *in, const int64_t strides[3],
                   int64_t element_size, int64_t outer, int64_t count, int64_t inner) {
  reduce_layout layout = {.kernels = &EMBER_ISA_PICK(reduce_kernels, ember_isa_current()),
                          .job = job, .result = result, .in = in, .size = element_size,
                          .s0 = strides[0], .s1 = strides[1], .s2 = strides[2], .outer = outer, .count = count,
                          .inner = inner, .group = 1, .blocks = 1, .pieces = 1, .piece = count};
  if (outer <= 0 || inner <= 0) return true;
  if (count == 0) {
    const reduce_partial partial = reduce_identity(job);
    for (int64_t i = 0; i < outer * inner; ++i) finish(job, result, &partial, i, 1, 0);
    return true;
  }
  // Outputs along one axis may lie along either: put them where vectors run across them if neighbours are adjacent, or
  // if rows are too short to be worth a call each.
  const bool short_rows = count < 8;
  if (job->plan) {
    // Made in rows.
  } else if (inner == 1 && outer > 1 && strides[1] != 1 && strides[0] == 1) {
    layout.inner = outer, layout.s2 = strides[0], layout.outer = 1;
  } else if (inner == 1 && outer >= 16 && short_rows) {
    layout.inner = outer, layout.s2 = strides[0], layout.outer = 1;
  }
  const bool columns = layout.inner > 1 && ((layout.s2 == 1 && layout.s1 != 1) || (short_rows && layout.inner >= 16));
  const int64_t outputs = outer * inner, work = outputs * count;
  int64_t chunks;
  if (columns) {
    layout.blocks = rounded_quotient(layout.inner, REDUCE_COLUMNS);
    const int64_t per_outer = count * layout.inner;
    if (layout.blocks == 1 && per_outer < PARALLEL_WORK) layout.group = PARALLEL_WORK / per_outer;
    chunks = rounded_quotient(layout.outer, layout.group) * layout.blocks;
    if (chunks < 16) {
      const int64_t width = layout.inner < REDUCE_COLUMNS ? layout.inner : REDUCE_COLUMNS;
      const int64_t least = rounded_quotient(SPLIT_COLUMNS, width), even = rounded_quotient(count, MAXIMUM_PIECES);
      layout.piece = least > even ? least : even;
    }
  } else {
    layout.group = work < PARALLEL_WORK ? outputs : count < PARALLEL_WORK ? PARALLEL_WORK / count : 1;
    chunks = rounded_quotient(outputs, layout.group);
    if (outputs < 16 && count >= 2 * PARALLEL_WORK) {
      layout.group = outputs, chunks = 1;
      const int64_t even = rounded_quotient(count, MAXIMUM_PIECES);
      layout.piece = even > PARALLEL_WORK ? rounded_quotient(even, REDUCE_BLOCK) * REDUCE_BLOCK : PARALLEL_WORK;
    }
  }
  layout.pieces = rounded_quotient(count, layout.piece);
  if (layout.pieces > 1) {
    layout.partials = malloc((size_t)(layout.pieces * outputs) * sizeof(reduce_partial));
    if (!layout.partials) layout.pieces = 1, layout.piece = count;  // slower, still right
  }
  run_chunks(chunks * layout.pieces, work, job->plan ? program_chunk : columns ? column_chunk : row_chunk, &layout);
  if (layout.partials) {
    for (int64_t piece = 1; piece < layout.pieces; ++piece)
      for (int64_t i = 0; i < outputs; ++i) combine(job, &layout.partials[i], &layout.partials[piece * outputs + i]);
    finish(job, result, layout.partials, 0, outputs, count);
    free(layout.partials);
  }
  return true;
}

// MARK: Choosing the loop

static bool is_supported(int dtype) {
  return dtype >= 0 && (dtype <= EMBER_COMPLEX128 || dtype == EMBER_UINT16 || dtype == EMBER_UINT32 || dtype == EMBER_UINT64);
}

static int extreme_type(int dtype) {
  if (dtype == EMBER_FLOAT64) return REDUCE_F64;
  if (element_is_floating(dtype)) return REDUCE_F32;
  return dtype == EMBER_INT64 || dtype == EMBER_UINT32 || dtype == EMBER_UINT64 ? REDUCE_I64 : REDUCE_I32;
}

/// Where sums run: integers stay integers unless the result is floating, and then have all bits of a double.
static int sum_type(int dtype, int out_dtype) {
  const int component = element_component(dtype), out = element_component(out_dtype);
  if (element_is_floating(component)) return component == EMBER_FLOAT64 || out == EMBER_FLOAT64 ? REDUCE_F64 : REDUCE_F32;
  return element_is_floating(out) ? REDUCE_F64 : REDUCE_I64;
}

/// Products of complex numbers mix their components, so they do not split into two real reductions.
static void complex_product(int dtype, const void *in, const int64_t strides[3], int out_dtype, void *out, int64_t outer,
                            int64_t count, int64_t inner) {
  const int component = element_component(dtype), out_component = element_component(out_dtype);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      double re = 1, im = 0;
      for (int64_t n = 0; n < count; ++n) {
        const int64_t at = 2 * (o * strides[0] + n * strides[1] + i * strides[2]);
        const double x = element_load_double(component, in, at), y = element_load_double(component, in, at + 1);
        const double next = re * x - im * y;
        im = re * y + im * x;
        re = next;
      }
      element_store_double(out_component, out, 2 * (o * inner + i), re);
      element_store_double(out_component, out, 2 * (o * inner + i) + 1, im);
    }
}

/// A complex reduction whose components do not mix: two real ones over doubled strides.
static bool by_component(reduce_job job, reduce_result result, const void *in, const int64_t strides[3], int64_t outer,
                         int64_t count, int64_t inner, bool accumulate) {
  const int64_t doubled[3] = {2 * strides[0], 2 * strides[1], 2 * strides[2]};
  const int64_t size = (int64_t)ember_dtype_size(job.dtype) / 2;
  job.dtype = element_component(job.dtype);
  const bool square_root = result.square_root;
  for (int part = 0; part < 2; ++part) {
    reduce_result own = result;
    if (accumulate) {
      own.add = part == 1;
      own.square_root = square_root && part == 1;
    } else {
      own.out = (char *)result.out + (size_t)part * ember_dtype_size(result.dtype);
      own.out_stride = 2;
    }
    reduce(&job, &own, (const char *)in + part * size, doubled, size, outer, count, inner);
  }
  return true;
}

static bool reduce_elements(const ember_plan *plan, int operation, int in_dtype, const void *in, const int64_t in_strides[3],
                            int out_dtype, void *out, int64_t outer, int64_t count, int64_t inner) {
  if (!is_supported(in_dtype) || !is_supported(out_dtype)) return false;
  const bool is_complex = element_is_complex(in_dtype);
  const int64_t size = (int64_t)ember_dtype_size(in_dtype);
  reduce_job job = {.dtype = in_dtype, .type = sum_type(in_dtype, out_dtype), .plan = plan};
  reduce_result result = {.operation = operation, .dtype = out_dtype, .out = out, .out_stride = 1};
  switch (operation) {
    case EMBER_REDUCE_SUM:
    case EMBER_REDUCE_MEAN:
      job.kernel = REDUCE_SUM;
      if (operation == EMBER_REDUCE_MEAN && job.type == REDUCE_I64) return false;
      break;
    case EMBER_REDUCE_NAN_SUM: job.kernel = element_is_integer(in_dtype) ? REDUCE_SUM : REDUCE_NAN_SUM; break;
    case EMBER_REDUCE_PRODUCT: job.kernel = REDUCE_PRODUCT; break;
    case EMBER_REDUCE_SUM_OF_SQUARES:
      job.kernel = REDUCE_SUM_SQUARES;
      if (is_complex) {
        if (element_is_complex(out_dtype)) return false;
        return by_component(job, result, in, in_strides, outer, count, inner, true);
      }
      break;
    case EMBER_REDUCE_SUM_ABSOLUTE:
      job.kernel = REDUCE_SUM_ABSOLUTE;
      job.magnitude = is_complex;
      if (is_complex && element_is_complex(out_dtype)) return false;
      return reduce(&job, &result, in, in_strides, size, outer, count, inner);
    case EMBER_REDUCE_MAXIMUM:
    case EMBER_REDUCE_MINIMUM:
    case EMBER_REDUCE_ARGMAX:
    case EMBER_REDUCE_ARGMIN:
      if (is_complex) return false;
      job.kernel = operation == EMBER_REDUCE_MAXIMUM ? REDUCE_MAXIMUM
                   : operation == EMBER_REDUCE_MINIMUM ? REDUCE_MINIMUM
                   : operation == EMBER_REDUCE_ARGMAX ? REDUCE_ARGMAX : REDUCE_ARGMIN;
      job.type = extreme_type(in_dtype);
      return reduce(&job, &result, in, in_strides, size, outer, count, inner);
    case EMBER_REDUCE_ANY:
    case EMBER_REDUCE_ALL:
    case EMBER_REDUCE_COUNT_NONZERO:
      job.kernel = REDUCE_COUNT;
      job.type = REDUCE_TRUTH;
      job.stop_at_true = operation == EMBER_REDUCE_ANY;
      job.stop_at_false = operation == EMBER_REDUCE_ALL;
      return reduce(&job, &result, in, in_strides, size, outer, count, inner);
    case EMBER_REDUCE_LOG_SUM_EXP:
      if (is_complex || !element_is_floating(out_dtype)) return false;
      job.kernel = REDUCE_LOG_SUM_EXP;
      return reduce(&job, &result, in, in_strides, size, outer, count, inner);
    default: return false;
  }
  if (element_is_floating(element_component(in_dtype)) && element_is_integer(out_dtype)) return false;
  if (!is_complex) {
    // A real result in a complex dtype has a zero imaginary part, which element_store_double writes.
    return reduce(&job, &result, in, in_strides, size, outer, count, inner);
  }
  if (!element_is_complex(out_dtype)) return false;
  if (operation == EMBER_REDUCE_PRODUCT) {
    complex_product(in_dtype, in, in_strides, out_dtype, out, outer, count, inner);
    return true;
  }
  if (operation == EMBER_REDUCE_NAN_SUM) return false;  // a number with one NaN component would count by half
  result.dtype = element_component(out_dtype);
  return by_component(job, result, in, in_strides, outer, count, inner, false);
}

bool ember_reduce(int operation, int in_dtype, const void *in, const int64_t in_strides[3], int out_dtype, void *out,
                  int64_t outer, int64_t count, int64_t inner) {
  return reduce_elements(NULL, operation, in_dtype, in, in_strides, out_dtype, out, outer, count, inner);
}

bool ember_reduce_program(const ember_program *program, void **pointers, const uint8_t *uniform, int operation, int out_dtype,
                          void *out, int64_t outer, int64_t count) {
  const int dtype = program->output_dtype[0];
  if (program->output_count != 1 || !is_supported(dtype) || element_is_complex(dtype)) return false;
  enum { INLINE_OPERANDS = 64 };
  uint8_t inline_access[INLINE_OPERANDS];
  uint8_t *access = ember_borrow(inline_access, sizeof inline_access, (size_t)program->input_count + 1);
  if (!access) return true;  // noted
  for (int o = 0; o < program->input_count; ++o) access[o] = uniform[o] ? EMBER_ACCESS_UNIFORM : EMBER_ACCESS_DIRECT;
  access[program->input_count] = EMBER_ACCESS_DIRECT;
  // Each chunk puts its own block there.
  pointers[program->input_count] = out;
  ember_plan plan;
  bool ran = true;
  if (ember_plan_make(&plan, program, pointers, access)) {
    const int64_t strides[3] = {count, 1, 1};
    ran = reduce_elements(&plan, operation, dtype, NULL, strides, out_dtype, out, outer, count, 1);
    ember_plan_end(&plan);
  }
  ember_give_back(access, inline_access);
  return ran;
}

bool ember_reduce_with_indices(bool maximum, int dtype, const void *in, const int64_t in_strides[3], void *values,
                               int64_t *indices, int64_t outer, int64_t count, int64_t inner) {
  if (!is_supported(dtype) || element_is_complex(dtype)) return false;
  const reduce_job job = {.kernel = maximum ? REDUCE_ARGMAX : REDUCE_ARGMIN, .type = extreme_type(dtype), .dtype = dtype};
  const reduce_result result = {.operation = EMBER_REDUCE_ARGMAX, .dtype = dtype, .out = values, .second = indices,
                                .out_stride = 1};
  return reduce(&job, &result, in, in_strides, (int64_t)ember_dtype_size(dtype), outer, count, inner);
}

bool ember_variance(int dtype, const void *in, const int64_t in_strides[3], void *variance, void *mean, int64_t outer,
                    int64_t count, int64_t inner, double correction, bool square_root) {
  if (!is_supported(dtype) || element_is_integer(dtype)) return false;
  const reduce_job job = {.kernel = REDUCE_MOMENTS, .type = sum_type(dtype, dtype), .dtype = dtype};
  const reduce_result result = {.operation = RESULT_VARIANCE, .dtype = element_component(dtype), .out = variance,
                                .second = mean, .out_stride = 1, .correction = correction, .square_root = square_root};
  if (!element_is_complex(dtype))
    return reduce(&job, &result, in, in_strides, (int64_t)ember_dtype_size(dtype), outer, count, inner);
  // Variances of the components add up; their means are written by two further reductions.
  reduce_result own = result;
  own.second = NULL;
  by_component(job, own, in, in_strides, outer, count, inner, true);
  return !mean || ember_reduce(EMBER_REDUCE_MEAN, dtype, in, in_strides, dtype, mean, outer, count, inner);
}

bool ember_norm(int dtype, const void *in, const int64_t in_strides[3], int out_dtype, void *out, int64_t outer,
                int64_t count, int64_t inner, double p) {
  if (!is_supported(dtype) || element_is_integer(dtype) || !element_is_floating(out_dtype)) return false;
  reduce_job job = {.type = sum_type(dtype, out_dtype), .dtype = dtype, .magnitude = element_is_complex(dtype), .power = p};
  const reduce_result result = {.operation = RESULT_NORM, .dtype = out_dtype, .out = out, .out_stride = 1, .power = p};
  if (p == 0) job.kernel = REDUCE_COUNT, job.type = REDUCE_TRUTH, job.magnitude = false;
  else if (p == 1) job.kernel = REDUCE_SUM_ABSOLUTE;
  else if (p == 2) job.kernel = REDUCE_SUM_SQUARES;
  else if (isinf(p)) job.kernel = p > 0 ? REDUCE_MAXIMUM_ABSOLUTE : REDUCE_MINIMUM_ABSOLUTE;
  else job.kernel = REDUCE_SUM_POWERS;
  return reduce(&job, &result, in, in_strides, (int64_t)ember_dtype_size(dtype), outer, count, inner);
}
