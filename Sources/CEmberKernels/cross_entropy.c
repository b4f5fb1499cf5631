// Classification losses: layout, chunks and totals; the whole of the negative likelihood, which only picks elements.
#include "ember_cross_entropy.h"


#include "cross_entropy_internal.h"
#include "ember_allocator.h"

/// Elements of a chunk, at least: less is not worth handing to another thread.
enum { CHUNK_ELEMENTS = 8192 };

typedef struct {
  cross_entropy_job job;
  const cross_entropy_functions *functions;
  int64_t batch, strips;  // of positions; a strip lies in one image
  int64_t count, per_chunk;
  ember_class_loss_totals *totals;  // of each chunk
} cross_entropy_loop;

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static void add_targets(const cross_entropy_job *job, int64_t first, int64_t end, ember_class_loss_totals *totals) {
  for (int64_t position = first; position < end; position++) {
    const int64_t target = job->targets[position];
    if (target == job->ignore_index) continue;
    if (cross_entropy_is_class(job, target))
      totals->weight += cross_entropy_weight(job, target);
    else if (totals->bad_position < 0)
      totals->bad_position = position;
  }
}

/// Positions of strip `index`: of a row each where spatial = 1.
static void strip_bounds(const cross_entropy_loop *loop, int64_t index, int64_t *first, int64_t *end) {
  const int64_t spatial = loop->job.spatial, start = index % loop->strips * CROSS_ENTROPY_COLUMNS;
  *first = index / loop->strips * spatial + start;
  *end = *first + (spatial - start < CROSS_ENTROPY_COLUMNS ? spatial - start : CROSS_ENTROPY_COLUMNS);
}

static int64_t chunk_end(const cross_entropy_loop *loop, int64_t chunk) {
  const int64_t end = (chunk + 1) * loop->per_chunk;
  return end < loop->count ? end : loop->count;
}

static void forward_chunk(void *context, int64_t chunk) {
  const cross_entropy_loop *loop = context;
  const int64_t first = chunk * loop->per_chunk, end = chunk_end(loop, chunk);
  ember_class_loss_totals *totals = &loop->totals[chunk];
  *totals = (ember_class_loss_totals){0, 0, -1};
  if (loop->job.spatial == 1) {
    totals->loss = loop->functions->rows(&loop->job, first, end);
    add_targets(&loop->job, first, end, totals);
    return;
  }
  for (int64_t i = first; i < end; i++) {
    int64_t from, to;
    strip_bounds(loop, i, &from, &to);
    totals->loss += loop->functions->columns(&loop->job, from, to);
    add_targets(&loop->job, from, to, totals);
  }
}

static void backward_chunk(void *context, int64_t chunk) {
  const cross_entropy_loop *loop = context;
  const int64_t first = chunk * loop->per_chunk, end = chunk_end(loop, chunk);
  if (loop->job.spatial == 1) return loop->functions->rows_backward(&loop->job, first, end);
  for (int64_t i = first; i < end; i++) {
    int64_t from, to;
    strip_bounds(loop, i, &from, &to);
    loop->functions->columns_backward(&loop->job, from, to);
  }
}

static cross_entropy_loop make_loop(cross_entropy_job job, int64_t batch) {
  cross_entropy_loop loop = {.job = job, .batch = batch};
  loop.functions = &EMBER_ISA_PICK(cross_entropy_kernels, ember_isa_current()).of_dtype[floating_index(job.dtype)];
  loop.strips = divide_up(job.spatial, CROSS_ENTROPY_COLUMNS);
  loop.count = batch * loop.strips;
  const int64_t width = job.spatial < CROSS_ENTROPY_COLUMNS ? job.spatial : CROSS_ENTROPY_COLUMNS;
  // Positions without classes count as work too.
  const int64_t work = (job.classes > 0 ? job.classes : 1) * width;
  loop.per_chunk = work > 0 ? divide_up(CHUNK_ELEMENTS, work) : 1;
  return loop;
}

ember_class_loss_totals ember_cross_entropy_forward(int dtype, const void *logits, const int64_t *targets, const void *weight,
                                                    int64_t ignore_index, double label_smoothing, void *losses,
                                                    void *log_sum_exp, int64_t batch, int64_t classes, int64_t spatial) {
  cross_entropy_loop loop = make_loop(
      (cross_entropy_job){.dtype = dtype, .logits = logits, .weight = weight, .targets = targets, .losses = losses,
                          .log_sum_exp = log_sum_exp, .classes = classes, .spatial = spatial, .ignore_index = ignore_index,
                          .smoothing = label_smoothing}, batch);
  ember_class_loss_totals all = {0, 0, -1}, few[16];
  if (loop.count <= 0) return all;
  const int64_t chunks = divide_up(loop.count, loop.per_chunk);
  const size_t bytes = (size_t)chunks * sizeof(ember_class_loss_totals);
  loop.totals = chunks <= 16 ? few : ember_scratch(bytes);
  if (!loop.totals) return all;
  ember_parallel(chunks, forward_chunk, &loop);
  for (int64_t i = 0; i < chunks; i++) {
    all.loss += loop.totals[i].loss;
    all.weight += loop.totals[i].weight;
    if (all.bad_position < 0) all.bad_position = loop.totals[i].bad_position;
  }
  if (loop.totals != few) ember_deallocate(loop.totals, bytes);
  return all;
}

void ember_cross_entropy_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale,
                                  const void *logits, const int64_t *targets, const void *weight, int64_t ignore_index,
                                  double label_smoothing, const void *log_sum_exp, void *logits_gradient,
                                  int64_t batch, int64_t classes, int64_t spatial) {
  cross_entropy_loop loop = make_loop(
      (cross_entropy_job){.dtype = dtype, .logits = logits, .weight = weight, .gradient = gradient, .targets = targets,
                          .log_sum_exp = (void *)(uintptr_t)log_sum_exp, .logits_gradient = logits_gradient, .classes = classes,
                          .spatial = spatial, .ignore_index = ignore_index, .gradient_stride = gradient_stride,
                          .smoothing = label_smoothing, .scale = scale}, batch);
  if (loop.count > 0 && classes > 0) ember_parallel(divide_up(loop.count, loop.per_chunk), backward_chunk, &loop);
}

// MARK: Negative likelihood

ember_class_loss_totals ember_nll_loss_forward(int dtype, const void *log_probabilities, const int64_t *targets,
                                               const void *weight, int64_t ignore_index, void *losses,
                                               int64_t batch, int64_t classes, int64_t spatial) {
  const cross_entropy_job job = {.dtype = dtype, .weight = weight, .targets = targets, .classes = classes, .spatial = spatial,
                                 .ignore_index = ignore_index};
  ember_class_loss_totals totals = {0, 0, -1};
  add_targets(&job, 0, batch * spatial, &totals);
  for (int64_t position = 0; position < batch * spatial; position++) {
    const int64_t target = targets[position];
    double loss = 0;
    if (target != ignore_index) {
      loss = NAN;
      if (cross_entropy_is_class(&job, target))
        loss = -cross_entropy_weight(&job, target) *
               element_load_double(dtype, log_probabilities, cross_entropy_start(&job, position) + target * spatial);
    }
    totals.loss += loss;
    if (losses) element_store_double(floating_statistics(dtype), losses, position, loss);
  }
  return totals;
}

void ember_nll_loss_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale, const int64_t *targets,
                             const void *weight, int64_t ignore_index, void *input_gradient,
                             int64_t batch, int64_t classes, int64_t spatial) {
  const cross_entropy_job job = {.dtype = dtype, .weight = weight, .gradient = gradient, .targets = targets, .classes = classes,
                                 .spatial = spatial, .gradient_stride = gradient_stride, .scale = scale};
  const int64_t count = batch * classes * spatial;
  if (count <= 0) return;
  memset(input_gradient, 0, (size_t)count * ember_dtype_size(dtype));
  for (int64_t position = 0; position < batch * spatial; position++) {
    const int64_t target = targets[position];
    if (target == ignore_index || !cross_entropy_is_class(&job, target)) continue;
    element_store_double(dtype, input_gradient, cross_entropy_start(&job, position) + target * spatial,
                         -cross_entropy_gradient(&job, position) * cross_entropy_weight(&job, target));
  }
}
