// The public convolutions: dtypes, geometry, and backward input as forward convolutions.
#include "convolution_internal.h"
#include "ember_allocator.h"

static int64_t product(const int64_t *extents) { return extents[0] * extents[1] * extents[2]; }

static convolution_job make_job(int dtype, const ember_convolution *c) {
  const int isa = ember_isa_current();
  const convolution_isa *loops = &EMBER_ISA_PICK(convolution_isa, isa);
  convolution_job job = {.gemm_isa = &EMBER_ISA_PICK(gemm_isa, isa), .size = dtype == EMBER_FLOAT64 ? 8 : 4};
  job.gemm = dtype == EMBER_FLOAT64 ? job.gemm_isa->f64 : job.gemm_isa->f32;
  job.kernels = dtype == EMBER_FLOAT64 ? loops->f64 : loops->f32;
  job.batch = c->batch, job.groups = c->groups;
  job.in = c->in_channels / c->groups, job.out = c->out_channels / c->groups;
  bool pointwise = true;
  for (int d = 0; d < 3; d++) {
    // Missing dimensions lead, with extents of 1.
    const int from = d - (3 - c->spatial_rank);
    job.input[d] = from < 0 ? 1 : c->input[from], job.kernel[d] = from < 0 ? 1 : c->kernel[from];
    job.output[d] = from < 0 ? 1 : c->output[from], job.stride[d] = from < 0 ? 1 : c->stride[from];
    job.padding[d] = from < 0 ? 0 : c->padding[from], job.dilation[d] = from < 0 ? 1 : c->dilation[from];
    pointwise = pointwise && job.kernel[d] == 1 && job.stride[d] == 1 && job.padding[d] == 0 && job.input[d] == job.output[d];
  }
  // A 1x1 convolution need not know about rows: one long row has no edges inside.
  if (pointwise) {
    job.input[2] = product(job.input), job.output[2] = product(job.output);
    job.input[0] = job.input[1] = job.output[0] = job.output[1] = 1;
  }
  job.input_plane = product(job.input), job.output_plane = product(job.output), job.taps = product(job.kernel);
  return job;
}

// MARK: 16-bit floats

enum { CONVERTED_AT_ONCE = 1 << 14 };

typedef struct {
  const gemm_isa *isa;
  int dtype;
  int64_t count;
  const uint16_t *in16;
  uint16_t *out16;
  float *values;
} convert_job;

static void convert_chunk(void *context, int64_t chunk) {
  const convert_job *job = context;
  const int64_t first = chunk * CONVERTED_AT_ONCE;
  const int64_t count = job->count - first < CONVERTED_AT_ONCE ? job->count - first : CONVERTED_AT_ONCE;
  if (job->in16) job->isa->widen(job->dtype, job->in16 + first, job->values + first, count);
  else job->isa->narrow(job->dtype, job->values + first, job->out16 + first, count);
}

// NULL of NULL, which an array without elements is.
static float *widened(const gemm_isa *isa, int dtype, const void *in, int64_t count) {
  if (!in) return NULL;
  float *out = ember_scratch((size_t)count * sizeof(float));
  if (!out) return NULL;
  convert_job job = {isa, dtype, count, in, NULL, out};
  ember_parallel((count + CONVERTED_AT_ONCE - 1) / CONVERTED_AT_ONCE, convert_chunk, &job);
  return out;
}

static void narrow(const gemm_isa *isa, int dtype, const float *values, void *out, int64_t count) {
  convert_job job = {isa, dtype, count, NULL, out, (float *)(uintptr_t)values};
  ember_parallel((count + CONVERTED_AT_ONCE - 1) / CONVERTED_AT_ONCE, convert_chunk, &job);
}

static void release(float *values, int64_t count) { ember_deallocate(values, (size_t)count * sizeof(float)); }

static float *fresh(int64_t count) { return ember_scratch((size_t)count * sizeof(float)); }

/// The numbers of elements of all arrays.
typedef struct {
  int64_t x, w, y, bias;
} counts;

static counts counts_of(const convolution_job *job) {
  return (counts){job->batch * job->groups * job->in * job->input_plane, job->groups * job->out * job->in * job->taps,
                  job->batch * job->groups * job->out * job->output_plane, job->groups * job->out};
}

// MARK: Forward

// Offsets of the taps of all dimensions, for the lifetime of one call; no values if memory is short.
typedef struct {
  int64_t *values[3];
  size_t bytes;
} tap_offsets;

static tap_offsets allocate_offsets(const int64_t *taps) {
  tap_offsets offsets = {.bytes = (size_t)(taps[0] + taps[1] + taps[2]) * sizeof(int64_t)};
  int64_t *memory = ember_scratch(offsets.bytes);
  if (!memory) return offsets;
  offsets.values[0] = memory, offsets.values[1] = memory + taps[0], offsets.values[2] = memory + taps[0] + taps[1];
  return offsets;
}

static tap_offsets forward_geometry(const convolution_job *job, convolution_geometry *g) {
  *g = (convolution_geometry){.images = job->batch, .image_stride = job->groups * job->in * job->input_plane,
                              .plane = job->input_plane};
  const tap_offsets offsets = allocate_offsets(job->kernel);
  if (!offsets.values[0]) return offsets;
  for (int d = 0; d < 3; d++) {
    g->input[d] = job->input[d], g->grid[d] = g->output[d] = job->output[d];
    g->step[d] = job->stride[d], g->taps[d] = job->kernel[d], g->output_step[d] = 1;
    for (int64_t t = 0; t < job->kernel[d]; t++) offsets.values[d][t] = t * job->dilation[d] - job->padding[d];
    g->offsets[d] = offsets.values[d];
  }
  return offsets;
}

typedef enum { WAY_DOTS, WAY_WINOGRAD, WAY_DIRECT, WAY_PRODUCT } way;

static way forward_way(const convolution_job *job, const convolution_geometry *g) {
  if (convolution_is_dots(job, g, job->in, job->out)) return WAY_DOTS;
  if (convolution_is_winograd(job, g, job->in, job->out)) return WAY_WINOGRAD;
  return convolution_is_direct(job, g, job->in, job->out) ? WAY_DIRECT : WAY_PRODUCT;
}

static convolution_weights plain_weights(const convolution_job *job, const void *w) {
  const int64_t depth = job->in * job->taps;
  return (convolution_weights){w, job->out * depth, depth, job->taps, job->taps, NULL};
}

// MARK: Packed weights

/// Before the packed weights: what they were packed for.
typedef union {
  struct {
    const gemm_kernels *gemm;
    way way;
  };
  char room[64];
} packed_head;

// How a forward convolution of many images goes. False where its weights are not packed, or memory is short.
static bool packed_form(int dtype, const ember_convolution *c, convolution_job *job, convolution_geometry *g, tap_offsets *offsets, way *form) {
  *job = make_job(dtype, c);
  if (!job->kernels || gemm_is_half(dtype) || (job->in == 1 && job->out == 1)) return false;
  job->batch = 1 << 20;
  *offsets = forward_geometry(job, g);
  if (!offsets->values[0]) return false;
  *form = forward_way(job, g);
  if (*form == WAY_WINOGRAD || *form == WAY_PRODUCT) return true;
  ember_deallocate(offsets->values[0], offsets->bytes);
  return false;
}

int64_t ember_convolution_packed_bytes(int dtype, const ember_convolution *c) {
  convolution_job job;
  convolution_geometry g;
  tap_offsets offsets;
  way form;
  if (!packed_form(dtype, c, &job, &g, &offsets, &form)) return 0;
  ember_deallocate(offsets.values[0], offsets.bytes);
  return (int64_t)sizeof(packed_head) + (form == WAY_WINOGRAD ? convolution_winograd_packed_bytes : convolution_run_packed_bytes)(&job, job.in, job.out);
}

bool ember_convolution_reads_packed(int dtype, const ember_convolution *c) {
  convolution_job job;
  convolution_geometry g;
  tap_offsets offsets;
  way form;
  if (!packed_form(dtype, c, &job, &g, &offsets, &form)) return false;
  job.batch = g.images = c->batch;
  const bool is_same = forward_way(&job, &g) == form;
  ember_deallocate(offsets.values[0], offsets.bytes);
  return is_same;
}

void ember_convolution_pack(int dtype, const ember_convolution *c, const void *w, void *packed) {
  convolution_job job;
  convolution_geometry g;
  tap_offsets offsets;
  way form;
  *(packed_head *)packed = (packed_head){{NULL, WAY_DOTS}};
  if (!packed_form(dtype, c, &job, &g, &offsets, &form)) return;
  *(packed_head *)packed = (packed_head){{job.gemm, form}};
  char *to = (char *)packed + sizeof(packed_head);
  const convolution_weights weights = plain_weights(&job, w);
  if (form == WAY_WINOGRAD) convolution_winograd_pack(&job, &g, job.in, job.out, &weights, to);
  else convolution_run_pack(&job, job.in, job.out, w, to);
  ember_deallocate(offsets.values[0], offsets.bytes);
}

// The packed weights without their head, if they are for this.
static const void *usable(const void *packed, const convolution_job *job, way way) {
  const packed_head *head = packed;
  return head && head->gemm == job->gemm && head->way == way ? (const char *)packed + sizeof(packed_head) : NULL;
}

// MARK: The addend, where it comes last

typedef struct {
  const gemm_kernels *gemm;
  int64_t planes, plane, planes_per_task, size;
  const char *addend;
  char *y;
  int activation;
} add_job;

static void add_task(void *context, int64_t task) {
  const add_job *a = context;
  const int64_t first = task * a->planes_per_task, left = a->planes - first, at = first * a->plane * a->size;
  const gemm_finish finish = {NULL, NULL, a->activation, a->addend + at, a->plane};
  a->gemm->finish(left < a->planes_per_task ? left : a->planes_per_task, a->plane, a->y + at, a->plane, &finish);
}

static void add_last(const convolution_job *job, const void *addend, int activation, void *y) {
  add_job a = {job->gemm, job->batch * job->groups * job->out, job->output_plane, 1 + (1 << 15) / (job->output_plane + 1), job->size,
               addend, y, activation};
  ember_parallel((a.planes + a.planes_per_task - 1) / a.planes_per_task, add_task, &a);
}

void ember_convolution_forward(int dtype, const ember_convolution *c, const void *x, const ember_convolution_terms *terms, void *y) {
  const convolution_job job = make_job(dtype, c);
  if (!job.kernels) {
    convolution_reference_forward(dtype, c, x, terms, y);
    return;
  }
  if (gemm_is_half(dtype)) {
    const counts n = counts_of(&job);
    float *x32 = widened(job.gemm_isa, dtype, x, n.x), *w32 = widened(job.gemm_isa, dtype, terms->w, n.w);
    float *bias32 = widened(job.gemm_isa, dtype, terms->bias, n.bias), *y32 = fresh(n.y);
    float *addend32 = widened(job.gemm_isa, dtype, terms->addend, n.y);
    if ((x32 || !x) && (w32 || !terms->w) && (bias32 || !terms->bias) && (addend32 || !terms->addend) && y32) {
      const ember_convolution_terms wide = {w32, NULL, bias32, addend32, terms->activation};
      ember_convolution_forward(EMBER_FLOAT32, c, x32, &wide, y32);
      narrow(job.gemm_isa, dtype, y32, y, n.y);
    }
    release(x32, n.x), release(w32, n.w), release(bias32, n.bias), release(y32, n.y), release(addend32, n.y);
    return;
  }
  convolution_geometry g;
  const tap_offsets offsets = forward_geometry(&job, &g);
  if (!offsets.values[0]) return;
  const way way = forward_way(&job, &g);
  const convolution_weights weights = plain_weights(&job, terms->w);
  ember_convolution_terms now = *terms;
  now.packed = usable(terms->packed, &job, way);
  const bool adds_last = terms->addend && way != WAY_DIRECT && !(way == WAY_PRODUCT && convolution_run_adds(&job, &g, job.in, job.out));
  if (adds_last) now.addend = NULL, now.activation = EMBER_ACTIVATION_NONE;
  switch (way) {
    case WAY_DOTS: convolution_run_dots(&job, &g, job.in, job.out, x, &now, y); break;
    case WAY_WINOGRAD: convolution_run_winograd(&job, &g, job.in, job.out, x, &weights, &now, y); break;
    case WAY_DIRECT: convolution_run_direct(&job, &g, job.in, job.out, x, &weights, &now, y); break;
    case WAY_PRODUCT: convolution_run(&job, &g, job.in, job.out, x, &now, y); break;
  }
  if (adds_last) add_last(&job, terms->addend, terms->activation, y);
  ember_deallocate(offsets.values[0], offsets.bytes);
}

// MARK: Backward weight

void ember_convolution_backward_weight(int dtype, const ember_convolution *c, const void *x, const void *dy, void *dw,
                                       void *db) {
  const convolution_job job = make_job(dtype, c);
  if (!job.kernels) {
    convolution_reference_weight(dtype, c, x, dy, dw, db);
    return;
  }
  if (gemm_is_half(dtype)) {
    const counts n = counts_of(&job);
    float *x32 = widened(job.gemm_isa, dtype, x, n.x), *dy32 = widened(job.gemm_isa, dtype, dy, n.y);
    float *dw32 = fresh(n.w), *db32 = db ? fresh(n.bias) : NULL;
    if ((x32 || !x) && (dy32 || !dy) && dw32 && (db32 || !db)) {
      ember_convolution_backward_weight(EMBER_FLOAT32, c, x32, dy32, dw32, db32);
      narrow(job.gemm_isa, dtype, dw32, dw, n.w);
      if (db) narrow(job.gemm_isa, dtype, db32, db, n.bias);
    }
    release(x32, n.x), release(dy32, n.y), release(dw32, n.w), release(db32, n.bias);
    return;
  }
  convolution_geometry g;
  const tap_offsets offsets = forward_geometry(&job, &g);
  if (!offsets.values[0]) return;
  if (convolution_weight_is_winograd(&job, &g)) convolution_run_weight_winograd(&job, &g, x, dy, dw, db);
  else if (convolution_weight_is_direct(&job, &g)) convolution_run_weight_direct(&job, &g, x, dy, dw, db);
  else convolution_run_weight(&job, &g, x, dy, dw, db);
  ember_deallocate(offsets.values[0], offsets.bytes);
}

// MARK: Backward input

// An input element i got its share of output point o through tap t where o * stride = i + padding - t * dilation. So the elements
// of one phase, i % stride == phase, see only the taps that make the right side divisible, and among these elements it is
// a convolution with step 1: point q = i / stride sees o = q + (phase + padding - t * dilation) / stride.

typedef struct {
  const convolution_job *job;
  const char *w;
  char *out;
  int64_t counts[3];
  const int64_t *taps[3];  // the kernel's taps that this phase uses
} arrange_job;

// The weights of one output channel as [in][out][taps of the phase].
static void arrange(void *context, int64_t chunk) {
  const arrange_job *a = context;
  const convolution_job *job = a->job;
  const int64_t group = chunk / job->in, in = chunk % job->in, size = job->size;
  const int64_t used = a->counts[0] * a->counts[1] * a->counts[2];
  char *to = a->out + chunk * job->out * used * size;
  for (int64_t o = 0; o < job->out; o++) {
    const char *from = a->w + ((group * job->out + o) * job->in + in) * job->taps * size;
    for (int64_t i = 0; i < a->counts[0]; i++)
      for (int64_t j = 0; j < a->counts[1]; j++)
        for (int64_t k = 0; k < a->counts[2]; k++, to += size) {
          const int64_t tap = (a->taps[0][i] * job->kernel[1] + a->taps[1][j]) * job->kernel[2] + a->taps[2][k];
          if (size == 4) *(float *)to = ((const float *)from)[tap];
          else *(double *)to = ((const double *)from)[tap];
        }
  }
}

static void run_phase_by_columns(arrange_job *a, const convolution_geometry *g, const void *dy, void *dx) {
  const convolution_job *job = a->job;
  const int64_t elements = job->groups * job->in * job->out * product(g->taps);
  const size_t bytes = (size_t)(elements * job->size);
  a->out = ember_scratch(bytes);
  if (!a->out) return;
  if (elements >= 1 << 15) ember_parallel(job->groups * job->in, arrange, a);
  else
    for (int64_t i = 0; i < job->groups * job->in; i++) arrange(a, i);
  const ember_convolution_terms terms = {.w = a->out};
  convolution_run(job, g, job->out, job->in, dy, &terms, dx);
  ember_deallocate(a->out, bytes);
}

static void run_phase_directly(const arrange_job *a, const convolution_geometry *g, const void *dy, void *dx) {
  const convolution_job *job = a->job;
  const size_t bytes = (size_t)job->taps * sizeof(int64_t);
  int64_t *used = ember_scratch(bytes), next = 0;
  if (!used) return;
  for (int64_t t = 0; t < job->taps; t++) used[t] = -1;
  for (int64_t i = 0; i < a->counts[0]; i++)
    for (int64_t j = 0; j < a->counts[1]; j++)
      for (int64_t k = 0; k < a->counts[2]; k++)
        used[(a->taps[0][i] * job->kernel[1] + a->taps[1][j]) * job->kernel[2] + a->taps[2][k]] = next++;
  const convolution_weights weights = {a->w, job->out * job->in * job->taps, job->taps, job->in * job->taps, job->taps, used};
  const bool winograd = convolution_is_winograd(job, g, job->out, job->in);
  const ember_convolution_terms none = {0};
  (winograd ? convolution_run_winograd : convolution_run_direct)(job, g, job->out, job->in, dy, &weights, &none, dx);
  ember_deallocate(used, bytes);
}

static void run_phase(const convolution_job *job, const int64_t *phase, const void *dy, const void *w, void *dx) {
  convolution_geometry g = {.images = job->batch, .image_stride = job->groups * job->out * job->output_plane,
                            .plane = job->output_plane};
  tap_offsets offsets = allocate_offsets(job->kernel), taps = allocate_offsets(job->kernel);
  arrange_job a = {.job = job, .w = w};
  for (int d = 0; d < 3 && offsets.values[0] && taps.values[0]; d++) {
    g.input[d] = job->output[d], g.output[d] = job->input[d];
    g.output_start[d] = phase[d], g.output_step[d] = job->stride[d], g.step[d] = 1;
    g.grid[d] = (job->input[d] - phase[d] + job->stride[d] - 1) / job->stride[d];
    for (int64_t t = 0; t < job->kernel[d]; t++) {
      const int64_t distance = phase[d] + job->padding[d] - t * job->dilation[d];
      if (distance % job->stride[d] != 0) continue;
      offsets.values[d][g.taps[d]] = distance / job->stride[d];
      taps.values[d][g.taps[d]++] = t;
    }
    g.offsets[d] = offsets.values[d];
    a.counts[d] = g.taps[d], a.taps[d] = taps.values[d];
  }
  if (offsets.values[0] && taps.values[0]) {
    if (convolution_is_winograd(job, &g, job->out, job->in) || convolution_is_direct(job, &g, job->out, job->in)) run_phase_directly(&a, &g, dy, dx);
    else run_phase_by_columns(&a, &g, dy, dx);
  }
  ember_deallocate(offsets.values[0], offsets.bytes);
  ember_deallocate(taps.values[0], taps.bytes);
}

void ember_convolution_backward_input(int dtype, const ember_convolution *c, const void *dy, const void *w, void *dx) {
  const convolution_job job = make_job(dtype, c);
  if (!job.kernels) {
    convolution_reference_input(dtype, c, dy, w, dx);
    return;
  }
  if (gemm_is_half(dtype)) {
    const counts n = counts_of(&job);
    float *dy32 = widened(job.gemm_isa, dtype, dy, n.y), *w32 = widened(job.gemm_isa, dtype, w, n.w), *dx32 = fresh(n.x);
    if ((dy32 || !dy) && (w32 || !w) && dx32) {
      ember_convolution_backward_input(EMBER_FLOAT32, c, dy32, w32, dx32);
      narrow(job.gemm_isa, dtype, dx32, dx, n.x);
    }
    release(dy32, n.y), release(w32, n.w), release(dx32, n.x);
    return;
  }
  int64_t phase[3];
  for (phase[0] = 0; phase[0] < job.stride[0]; phase[0]++)
    for (phase[1] = 0; phase[1] < job.stride[1]; phase[1]++)
      for (phase[2] = 0; phase[2] < job.stride[2]; phase[2]++) run_phase(&job, phase, dy, w, dx);
}
