// Convolutions as matrix products over unfolded images. One image and group at a time: the unfolded block stays in cache.
#include "ember_convolution.h"

#include <stdlib.h>
#include <string.h>

#include "ember_allocator.h"
#include "ember_copy.h"
#include "ember_gemm.h"

/// Extents of one (image, group) problem.
typedef struct {
  const ember_convolution *c;
  int dtype;
  size_t size;
  int64_t group_in, group_out, kernel, in_plane, out_plane, depth;
} plan;

static plan make_plan(int dtype, const ember_convolution *c) {
  plan p = {.c = c, .dtype = dtype, .size = ember_dtype_size(dtype), .kernel = 1, .in_plane = 1, .out_plane = 1};
  for (int d = 0; d < c->spatial_rank; d++) {
    p.kernel *= c->kernel[d];
    p.in_plane *= c->input[d];
    p.out_plane *= c->output[d];
  }
  p.group_in = c->in_channels / c->groups;
  p.group_out = c->out_channels / c->groups;
  p.depth = p.group_in * p.kernel;
  return p;
}

/// Calls `visit` for every row of contiguous output positions of one kernel tap of one channel.
typedef void (*row_visitor)(void *context, int64_t in_start, int64_t out_start, int64_t lead, int64_t count, int64_t tail, int64_t step);

/// `in_start` is -1 when the whole row lies outside the image.
static void for_rows(const plan *p, int64_t tap, row_visitor visit, void *context) {
  const ember_convolution *c = p->c;
  int last = c->spatial_rank - 1;
  int64_t k[3] = {0, 0, 0}, rest = tap;
  for (int d = last; d >= 0; d--) {
    k[d] = rest % c->kernel[d];
    rest /= c->kernel[d];
  }
  int64_t width = c->output[last], rows = width ? p->out_plane / width : 0;
  // Output columns whose input column lies inside: 0 <= o * stride + shift < input.
  int64_t shift = k[last] * c->dilation[last] - c->padding[last], step = c->stride[last];
  int64_t first = shift < 0 ? (-shift + step - 1) / step : 0;
  int64_t end = c->input[last] > shift ? (c->input[last] - shift + step - 1) / step : 0;
  if (first > width) first = width;
  if (end > width) end = width;
  if (end < first) end = first;
  for (int64_t row = 0; row < rows; row++) {
    int64_t r = row, in = 0, stride = 1, inside = 1, position[3] = {0, 0, 0};
    for (int d = last - 1; d >= 0; d--) {
      position[d] = (r % c->output[d]) * c->stride[d] + k[d] * c->dilation[d] - c->padding[d];
      r /= c->output[d];
      if (position[d] < 0 || position[d] >= c->input[d]) inside = 0;
    }
    stride = c->input[last];
    for (int d = last - 1; d >= 0; d--) {
      in += position[d] * stride;
      stride *= c->input[d];
    }
    if (inside && end > first) visit(context, in + first * step + shift, row * width, first, end - first, width - end, step);
    else visit(context, -1, row * width, width, 0, 0, step);
  }
}

typedef struct {
  const plan *p;
  const char *image;
  char *row;
} unfold_row;

static void unfold_visit(void *context, int64_t in, int64_t out, int64_t lead, int64_t count, int64_t tail, int64_t step) {
  unfold_row *u = context;
  size_t size = u->p->size;
  char *dst = u->row + (size_t)out * size;
  if (lead) memset(dst, 0, (size_t)lead * size);
  dst += (size_t)lead * size;
  if (count && step == 1) {
    memcpy(dst, u->image + (size_t)in * size, (size_t)count * size);
  } else if (size == 4) {
    const uint32_t *src = (const uint32_t *)(const void *)(u->image + (size_t)in * size);
    for (int64_t i = 0; i < count; i++) ((uint32_t *)(void *)dst)[i] = src[i * step];
  } else {
    const uint64_t *src = (const uint64_t *)(const void *)(u->image + (size_t)in * size);
    for (int64_t i = 0; i < count; i++) ((uint64_t *)(void *)dst)[i] = src[i * step];
  }
  if (tail) memset(dst + (size_t)count * size, 0, (size_t)tail * size);
}

/// columns[depth][out_plane] of one image's group.
static void unfold(const plan *p, const char *image, char *columns) {
  for (int64_t channel = 0; channel < p->group_in; channel++)
    for (int64_t tap = 0; tap < p->kernel; tap++) {
      unfold_row u = {p, image + (size_t)(channel * p->in_plane) * p->size, columns + (size_t)((channel * p->kernel + tap) * p->out_plane) * p->size};
      for_rows(p, tap, unfold_visit, &u);
    }
}

static void fold_visit(void *context, int64_t in, int64_t out, int64_t lead, int64_t count, int64_t tail, int64_t step) {
  (void)tail;
  unfold_row *u = context;
  if (!count) return;
  if (u->p->size == 4) {
    float *dst = (float *)(void *)(char *)(uintptr_t)u->image + in;
    const float *src = (const float *)(void *)u->row + out + lead;
    for (int64_t i = 0; i < count; i++) dst[i * step] += src[i];
  } else {
    double *dst = (double *)(void *)(char *)(uintptr_t)u->image + in;
    const double *src = (const double *)(void *)u->row + out + lead;
    for (int64_t i = 0; i < count; i++) dst[i * step] += src[i];
  }
}

/// Adds columns back to where they were taken from.
static void fold(const plan *p, const char *columns, char *image) {
  for (int64_t channel = 0; channel < p->group_in; channel++)
    for (int64_t tap = 0; tap < p->kernel; tap++) {
      unfold_row u = {p, image + (size_t)(channel * p->in_plane) * p->size,
                      (char *)(uintptr_t)columns + (size_t)((channel * p->kernel + tap) * p->out_plane) * p->size};
      for_rows(p, tap, fold_visit, &u);
    }
}

static bool is_pointwise(const plan *p) {
  for (int d = 0; d < p->c->spatial_rank; d++)
    if (p->c->kernel[d] != 1 || p->c->stride[d] != 1 || p->c->padding[d] != 0 || p->c->input[d] != p->c->output[d]) return false;
  return true;
}

typedef struct {
  plan p;
  const char *x, *w, *bias, *dy;
  char *y, *dx, *dw, *db;
  int activation;
  int64_t chunks;
} job;

static void forward_chunk(void *context, int64_t chunk) {
  const job *j = context;
  const plan *p = &j->p;
  int64_t group = chunk % p->c->groups;
  const char *image = j->x + (size_t)(chunk * p->group_in * p->in_plane) * p->size;
  bool direct = is_pointwise(p);
  size_t bytes = (size_t)(p->depth * p->out_plane) * p->size;
  char *columns = direct ? NULL : ember_allocate(bytes);
  if (!direct && !columns) abort();
  if (!direct) unfold(p, image, columns);
  ember_gemm_epilogue epilogue = {1, 0, j->bias ? j->bias + (size_t)(group * p->group_out) * p->size : NULL, NULL, j->activation};
  ember_gemm(p->dtype, p->group_out, p->out_plane, p->depth, j->w + (size_t)(group * p->group_out * p->depth) * p->size, p->depth, 1,
             direct ? image : columns, p->out_plane, 1, j->y + (size_t)(chunk * p->group_out * p->out_plane) * p->size, p->out_plane, &epilogue);
  ember_deallocate(columns, bytes);
}

static void backward_input_chunk(void *context, int64_t chunk) {
  const job *j = context;
  const plan *p = &j->p;
  int64_t group = chunk % p->c->groups;
  char *image = j->dx + (size_t)(chunk * p->group_in * p->in_plane) * p->size;
  bool direct = is_pointwise(p);
  size_t bytes = (size_t)(p->depth * p->out_plane) * p->size;
  char *columns = direct ? image : ember_allocate(bytes);
  if (!columns && bytes) abort();
  ember_gemm(p->dtype, p->depth, p->out_plane, p->group_out, j->w + (size_t)(group * p->group_out * p->depth) * p->size, 1, p->depth,
             j->dy + (size_t)(chunk * p->group_out * p->out_plane) * p->size, p->out_plane, 1, columns, p->out_plane, NULL);
  if (direct) return;
  memset(image, 0, (size_t)(p->group_in * p->in_plane) * p->size);
  fold(p, columns, image);
  ember_deallocate(columns, bytes);
}

enum { WEIGHT_CHUNKS = 8 };

/// Images are divided among a fixed number of partial sums, whatever the number of threads.
static void backward_weight_chunk(void *context, int64_t chunk) {
  const job *j = context;
  const plan *p = &j->p;
  int64_t first = p->c->batch * chunk / j->chunks, end = p->c->batch * (chunk + 1) / j->chunks;
  size_t weights = (size_t)(p->c->out_channels * p->depth);
  char *dw = j->dw + (size_t)chunk * weights * p->size;
  memset(dw, 0, weights * p->size);
  bool direct = is_pointwise(p);
  size_t bytes = (size_t)(p->depth * p->out_plane) * p->size;
  char *columns = direct ? NULL : ember_allocate(bytes);
  if (!direct && !columns && bytes) abort();
  ember_gemm_epilogue add = {1, 1, NULL, NULL, EMBER_ACTIVATION_NONE};
  for (int64_t n = first; n < end; n++)
    for (int64_t group = 0; group < p->c->groups; group++) {
      int64_t item = n * p->c->groups + group;
      const char *image = j->x + (size_t)(item * p->group_in * p->in_plane) * p->size;
      if (!direct) unfold(p, image, columns);
      ember_gemm(p->dtype, p->group_out, p->depth, p->out_plane, j->dy + (size_t)(item * p->group_out * p->out_plane) * p->size, p->out_plane, 1,
                 direct ? image : columns, 1, p->out_plane, dw + (size_t)(group * p->group_out * p->depth) * p->size, p->depth, &add);
    }
  ember_deallocate(columns, bytes);
}

/// float16 and bfloat16 compute in float32.
static int computing_dtype(int dtype) { return dtype == EMBER_FLOAT64 ? EMBER_FLOAT64 : EMBER_FLOAT32; }

static void *converted(int dtype, const void *data, int64_t count) {
  void *copy = ember_allocate((size_t)count * 4 + 4);
  if (!copy) abort();
  int64_t one = 1;
  if (count) ember_copy(EMBER_FLOAT32, copy, &one, dtype, data, &one, 1, &count);
  return copy;
}

static void store(int dtype, void *out, void *computed, int64_t count) {
  int64_t one = 1;
  if (count) ember_copy(dtype, out, &one, EMBER_FLOAT32, computed, &one, 1, &count);
  ember_deallocate(computed, (size_t)count * 4 + 4);
}

void ember_convolution_forward(int dtype, const ember_convolution *c, const void *x, const void *w, const void *bias, void *y, int activation) {
  plan p = make_plan(dtype, c);
  int64_t xs = c->batch * c->in_channels * p.in_plane, ws = c->out_channels * p.depth, ys = c->batch * c->out_channels * p.out_plane;
  if (computing_dtype(dtype) != dtype) {
    void *fx = converted(dtype, x, xs), *fw = converted(dtype, w, ws), *fb = bias ? converted(dtype, bias, c->out_channels) : NULL;
    void *fy = ember_allocate((size_t)ys * 4 + 4);
    if (!fy) abort();
    ember_convolution_forward(EMBER_FLOAT32, c, fx, fw, fb, fy, activation);
    ember_deallocate(fx, (size_t)xs * 4 + 4);
    ember_deallocate(fw, (size_t)ws * 4 + 4);
    ember_deallocate(fb, (size_t)c->out_channels * 4 + 4);
    store(dtype, y, fy, ys);
    return;
  }
  if (!ys) return;
  job j = {.p = p, .x = x, .w = w, .bias = bias, .y = y, .activation = activation};
  ember_parallel(c->batch * c->groups, forward_chunk, &j);
}

void ember_convolution_backward_input(int dtype, const ember_convolution *c, const void *dy, const void *w, void *dx) {
  plan p = make_plan(dtype, c);
  int64_t xs = c->batch * c->in_channels * p.in_plane, ws = c->out_channels * p.depth, ys = c->batch * c->out_channels * p.out_plane;
  if (computing_dtype(dtype) != dtype) {
    void *fy = converted(dtype, dy, ys), *fw = converted(dtype, w, ws), *fx = ember_allocate((size_t)xs * 4 + 4);
    if (!fx) abort();
    ember_convolution_backward_input(EMBER_FLOAT32, c, fy, fw, fx);
    ember_deallocate(fy, (size_t)ys * 4 + 4);
    ember_deallocate(fw, (size_t)ws * 4 + 4);
    store(dtype, dx, fx, xs);
    return;
  }
  if (!xs) return;
  if (!ys || !p.depth) {
    memset(dx, 0, (size_t)xs * p.size);
    return;
  }
  job j = {.p = p, .dy = dy, .w = w, .dx = dx};
  ember_parallel(c->batch * c->groups, backward_input_chunk, &j);
}

void ember_convolution_backward_weight(int dtype, const ember_convolution *c, const void *x, const void *dy, void *dw, void *db) {
  plan p = make_plan(dtype, c);
  int64_t xs = c->batch * c->in_channels * p.in_plane, ws = c->out_channels * p.depth, ys = c->batch * c->out_channels * p.out_plane;
  if (computing_dtype(dtype) != dtype) {
    void *fx = converted(dtype, x, xs), *fy = converted(dtype, dy, ys), *fw = ember_allocate((size_t)ws * 4 + 4);
    void *fb = db ? ember_allocate((size_t)c->out_channels * 4 + 4) : NULL;
    if (!fw) abort();
    ember_convolution_backward_weight(EMBER_FLOAT32, c, fx, fy, fw, fb);
    ember_deallocate(fx, (size_t)xs * 4 + 4);
    ember_deallocate(fy, (size_t)ys * 4 + 4);
    store(dtype, dw, fw, ws);
    if (db) store(dtype, db, fb, c->out_channels);
    return;
  }
  if (ws) {
    int64_t chunks = c->batch < WEIGHT_CHUNKS ? (c->batch ? c->batch : 1) : WEIGHT_CHUNKS;
    size_t bytes = (size_t)(chunks * ws) * p.size;
    char *partial = ember_allocate(bytes);
    if (!partial) abort();
    job j = {.p = p, .x = x, .dy = dy, .dw = partial, .chunks = chunks};
    ember_parallel(chunks, backward_weight_chunk, &j);
    for (int64_t k = 1; k < chunks; k++) {
      if (p.size == 4) {
        float *sum = (float *)(void *)partial;
        const float *part = sum + k * ws;
        for (int64_t i = 0; i < ws; i++) sum[i] += part[i];
      } else {
        double *sum = (double *)(void *)partial;
        const double *part = sum + k * ws;
        for (int64_t i = 0; i < ws; i++) sum[i] += part[i];
      }
    }
    memcpy(dw, partial, (size_t)ws * p.size);
    ember_deallocate(partial, bytes);
  }
  if (!db) return;
  for (int64_t o = 0; o < c->out_channels; o++) {
    double sum = 0;
    for (int64_t n = 0; n < c->batch; n++) {
      int64_t start = (n * c->out_channels + o) * p.out_plane;
      if (p.size == 4) {
        float row = 0;
        for (int64_t i = 0; i < p.out_plane; i++) row += ((const float *)dy)[start + i];
        sum += row;
      } else {
        for (int64_t i = 0; i < p.out_plane; i++) sum += ((const double *)dy)[start + i];
      }
    }
    if (p.size == 4) ((float *)db)[o] = (float)sum; else ((double *)db)[o] = sum;
  }
}
