// Optimizer steps over lists of tensors: one parallel loop for a whole list, in chunks of all elements laid end to end.
#include "ember_optimizer.h"

#include "optimizer_internal.h"

/// Elements of a chunk. Several small tensors share one; a multiple of every vector's lanes.
enum { CHUNK_ELEMENTS = 16384 };

typedef void (*optimizer_step)(const optimizer_job *job, int64_t tensor, int64_t first, int64_t end);

typedef struct {
  const optimizer_job *job;
  optimizer_step step;
  int64_t tensors;
} optimizer_loop;

static const optimizer_functions *functions_for(int dtype) {
  return &EMBER_ISA_PICK(optimizer_kernels, ember_isa_current()).of_dtype[floating_index(dtype)];
}

/// Lists are short (hundreds of tensors), so that each chunk can look for its first tensor from the beginning.
static void run_chunk(void *context, int64_t chunk) {
  const optimizer_loop *loop = context;
  const int64_t first = chunk * CHUNK_ELEMENTS, end = first + CHUNK_ELEMENTS;
  int64_t start = 0;  // of the tensor
  for (int64_t t = 0; t < loop->tensors && start < end; start += loop->job->counts[t++]) {
    const int64_t count = loop->job->counts[t];
    const int64_t from = first > start ? first - start : 0, to = end - start < count ? end - start : count;
    if (from < to) loop->step(loop->job, t, from, to);
  }
}

static void run(const optimizer_job *job, optimizer_step step, int64_t tensors) {
  optimizer_loop loop = {.job = job, .step = step, .tensors = tensors};
  int64_t elements = 0;
  for (int64_t t = 0; t < tensors; t++) elements += job->counts[t];
  ember_parallel((elements + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS, run_chunk, &loop);
}

void ember_sgd_step(int dtype, int64_t tensors, const int64_t *counts, void *const *parameters, const void *const *gradients,
                    void *const *momentum_buffers, const ember_sgd_options *options) {
  const optimizer_job job = {
      .dtype = dtype, .counts = counts, .parameters = parameters, .gradients = gradients, .averages = momentum_buffers, .sgd = options};
  run(&job, functions_for(dtype)->sgd, tensors);
}

void ember_adam_step(int dtype, int64_t tensors, const int64_t *counts, void *const *parameters, const void *const *gradients,
                     void *const *averages, void *const *squares, void *const *largest_squares, const ember_adam_options *options) {
  const optimizer_job job = {.dtype = dtype, .counts = counts, .parameters = parameters, .gradients = gradients, .averages = averages,
                             .squares = squares, .largest_squares = largest_squares, .adam = options};
  run(&job, functions_for(dtype)->adam, tensors);
}
