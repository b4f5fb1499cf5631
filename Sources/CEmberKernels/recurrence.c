// Recurrent layers: steps, products with packed weights, chunks.
#include "ember_recurrence.h"

#include "ember_allocator.h"
#include "gemm_internal.h"
#include "recurrence_internal.h"

enum {
  // A chunk has at least so many multiplications, and less than the other is not shared out.
  CHUNK_MULTIPLICATIONS = 1 << 17,
  MINIMUM_SHARED = 1 << 19,
};

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// MARK: Weights

/// The right-hand matrix of the products of all steps, packed once: `groups` (gates) of `columns`, panels within a group.
typedef struct {
  const gemm_kernels *kernels;  // NULL: the scalar reference, which packs nothing
  int dtype;
  int64_t size;  // of an element
  const char *b;
  int64_t row_stride, column_stride;
  int64_t k, groups, columns;
  int64_t tile, panels, k_block;
  char *packed;
  size_t bytes;
} weights;

static char *panel_at(const weights *w, int64_t group, int64_t panel, int64_t k0) {
  const int64_t length = minimum(w->k_block, w->k - k0);
  return w->packed + (w->groups * w->panels * k0 + (group * w->panels + panel) * length) * w->tile * w->size;
}

static void pack_chunk(void *context, int64_t chunk) {
  const weights *w = context;
  const int64_t group = chunk / w->panels, panel = chunk % w->panels, first = panel * w->tile;
  const char *from = w->b + (group * w->columns + first) * w->column_stride * w->size;
  for (int64_t k0 = 0; k0 < w->k; k0 += w->k_block)
    w->kernels->pack_b(from + k0 * w->row_stride * w->size, w->row_stride, w->column_stride, minimum(w->k_block, w->k - k0),
                       minimum(w->tile, w->columns - first), panel_at(w, group, panel, k0));
}

/// False without memory.
static bool pack(weights *w, int dtype) {
  const gemm_isa *isa = &EMBER_ISA_PICK(gemm_isa, ember_isa_current());
  w->kernels = dtype == EMBER_FLOAT64 ? isa->f64 : isa->f32;
  w->dtype = dtype;
  w->size = dtype == EMBER_FLOAT64 ? 8 : 4;
  w->tile = w->kernels ? w->kernels->tile_columns : 16;
  w->panels = ceiling(w->columns, w->tile);
  w->k_block = gemm_k_block(w->k);
  if (!w->kernels) return true;
  w->bytes = (size_t)(w->groups * w->panels * w->tile * w->k * w->size);
  w->packed = ember_scratch(w->bytes);
  if (!w->packed) return false;
  const int64_t count = w->groups * w->panels;
  if (w->k * w->groups * w->columns < 1 << 14)
    for (int64_t i = 0; i < count; i++) pack_chunk(w, i);
  else ember_parallel(count, pack_chunk, w);
  return true;
}

static void release(weights *w) {
  if (w->packed) ember_deallocate(w->packed, w->bytes);
}

/// C = A · `width` columns of a group (+ C). `first` is the first column of a panel.
static void multiply(const weights *w, int64_t group, int64_t first, int64_t width, int64_t rows, const char *a, int64_t a_stride,
                     char *c, int64_t c_stride, bool accumulate) {
  if (!w->kernels) {
    const ember_gemm_epilogue epilogue = {.alpha = 1, .beta = accumulate};
    ember_gemm(w->dtype, rows, width, w->k, a, a_stride, 1, w->b + (group * w->columns + first) * w->column_stride * w->size,
               w->row_stride, w->column_stride, c, c_stride, &epilogue);
    return;
  }
  for (int64_t j = 0; j < width; j += w->tile)
    for (int64_t k0 = 0; k0 < w->k; k0 += w->k_block)
      w->kernels->strided(rows, minimum(w->tile, width - j), minimum(w->k_block, w->k - k0), a + k0 * w->size, a_stride, 1,
                          panel_at(w, group, (first + j) / w->tile, k0), w->tile, c + j * w->size, c_stride,
                          (gemm_store){1, accumulate || k0 > 0});
}

// MARK: Steps

/// A pass over the sequence, and the step it is at.
typedef struct {
  const ember_recurrence *layer;
  const ember_recurrence_trace *trace;
  const ember_recurrence_gradients *gradients;
  recurrence_functions cells;
  weights weights;
  int64_t size, gates, hidden, extent;  // extent: of h
  int64_t units;                        // of a chunk
  int64_t row, rows;                    // of the step
  char *h, *c;
  const char *h0, *c0;
  // Backward: the rows whose gates wait to be multiplied, and how many of the step's rows were in the step before it.
  int64_t pending, pending_rows, before, alive;
  char *unprojected;
} pass;

static char *at(const pass *p, const void *base, int64_t element) { return (char *)base + element * p->size; }

static pass begin(const ember_recurrence *layer, const ember_recurrence_trace *trace) {
  const recurrence_kernels *kernels = &EMBER_ISA_PICK(recurrence_kernels, ember_isa_current());
  pass p = {.layer = layer, .trace = trace, .cells = layer->dtype == EMBER_FLOAT64 ? kernels->f64 : kernels->f32};
  p.size = layer->dtype == EMBER_FLOAT64 ? 8 : 4;
  p.gates = recurrence_gates(layer->cell);
  p.hidden = layer->hidden;
  p.extent = layer->projection ? layer->projection : layer->hidden;
  return p;
}

static int64_t first_row(const ember_recurrence *layer, int64_t step) {
  int64_t row = 0;
  for (int64_t t = 0; t < step; t++) row += layer->batch_sizes[t];
  return row;
}

/// Runs a body over ranges of units, which do not depend on the number of threads.
static void over_units(pass *p, int64_t rows, void (*body)(void *, int64_t)) {
  const int64_t per_unit = rows * p->gates * p->extent + 1;
  p->units = p->weights.tile * ceiling(CHUNK_MULTIPLICATIONS, per_unit * p->weights.tile);
  const int64_t chunks = ceiling(p->hidden, p->units);
  if (per_unit * p->hidden < MINIMUM_SHARED)
    for (int64_t i = 0; i < chunks; i++) body(p, i);
  else ember_parallel(chunks, body, p);
}

static recurrence_step step_at(const pass *p, int64_t row, int64_t rows, int64_t unit, int64_t width) {
  return (recurrence_step){
      .cell = p->layer->cell, .rows = rows, .width = width, .hidden = p->hidden,
      .gates = at(p, p->trace->gates, row * p->gates * p->hidden + unit),
      .cells = p->trace->cells ? at(p, p->trace->cells, row * p->hidden + unit) : NULL,
      .bias = p->layer->bias_hh ? at(p, p->layer->bias_hh, unit) : NULL,
  };
}

// MARK: Forward

static void forward_chunk(void *context, int64_t chunk) {
  const pass *p = context;
  const int64_t unit = chunk * p->units, width = minimum(p->units, p->hidden - unit), stride = p->gates * p->hidden;
  recurrence_step s = step_at(p, p->row, p->rows, unit, width);
  s.input = at(p, p->trace->input, p->row * stride + unit);
  for (int64_t gate = 0; gate < p->gates; gate++) {
    // The hidden side of GRU's new gate stays apart from its input side.
    const bool apart = p->layer->cell == EMBER_RECURRENCE_GRU && gate == 2;
    multiply(&p->weights, gate, unit, width, p->rows, p->h, p->extent, apart ? s.cells : at(p, s.gates, gate * p->hidden),
             apart ? p->hidden : stride, false);
  }
  s.c = p->c ? at(p, p->c, unit) : NULL;
  s.h = at(p, p->layer->projection ? p->trace->hidden : p->trace->output, p->row * p->hidden + unit);
  s.h_stride = p->hidden;
  s.before = at(p, p->h, unit);
  s.before_stride = p->extent;
  p->cells.forward(&s);
}

void ember_recurrence_forward(const ember_recurrence *layer, const ember_recurrence_trace *trace, void *h, void *c) {
  pass p = begin(layer, trace);
  p.h = h, p.c = c;
  p.weights = (weights){.b = layer->weight_hh, .row_stride = 1, .column_stride = p.extent, .k = p.extent, .groups = p.gates,
                        .columns = p.hidden};
  if (!pack(&p.weights, layer->dtype)) return;
  p.row = layer->backwards ? first_row(layer, layer->steps) : 0;
  for (int64_t i = 0; i < layer->steps; i++) {
    p.rows = layer->batch_sizes[layer->backwards ? layer->steps - 1 - i : i];
    if (layer->backwards) p.row -= p.rows;
    over_units(&p, p.rows, forward_chunk);
    char *output = at(&p, trace->output, p.row * p.extent);
    if (layer->projection)
      ember_gemm(layer->dtype, p.rows, p.extent, p.hidden, at(&p, trace->hidden, p.row * p.hidden), p.hidden, 1, layer->weight_hr, 1,
                 p.hidden, output, p.extent, NULL);
    // Sequences that have ended keep their state, those that have not begun their initial one.
    memcpy(p.h, output, (size_t)(p.rows * p.extent * p.size));
    if (!layer->backwards) p.row += p.rows;
  }
  release(&p.weights);
}

// MARK: Backward

static void backward_cells(const pass *p, int64_t first, int64_t rows, const void *before, int64_t before_stride, int64_t unit,
                           int64_t width) {
  if (rows <= 0) return;
  const ember_recurrence_gradients *g = p->gradients;
  const int64_t row = p->row + first, gate = row * p->gates * p->hidden + unit;
  recurrence_step_back b = {
      .step = step_at(p, row, rows, unit, width),
      .dh = p->unprojected ? at(p, p->unprojected, first * p->hidden + unit) : at(p, p->h, first * p->hidden + unit),
      .dh_stride = p->hidden,
      .d_output = g->output && !p->unprojected ? at(p, g->output, row * p->hidden + unit) : NULL,
      .d_output_stride = p->hidden,
      .output = at(p, p->trace->output, row * p->extent + (p->unprojected ? 0 : unit)),
      .output_stride = p->extent,
      .d_gates = at(p, g->gates, gate),
      .d_hidden_gates = g->hidden_gates ? at(p, g->hidden_gates, gate) : NULL,
  };
  b.step.c = p->c ? at(p, p->c, first * p->hidden + unit) : NULL;
  b.step.before = before;
  b.step.before_stride = before_stride;
  p->cells.backward(&b);
}

/// The gates whose gradients the product with the hidden weights needs.
static const char *pending_gates(const pass *p) {
  const void *gates = p->gradients->hidden_gates ? p->gradients->hidden_gates : p->gradients->gates;
  return at(p, gates, p->pending * p->gates * p->hidden);
}

static void backward_chunk(void *context, int64_t chunk) {
  const pass *p = context;
  const int64_t unit = chunk * p->units, width = minimum(p->units, p->hidden - unit);
  const bool is_gru = p->layer->cell == EMBER_RECURRENCE_GRU;
  if (!p->unprojected && p->pending_rows > 0)
    multiply(&p->weights, 0, unit, width, p->pending_rows, pending_gates(p), p->gates * p->hidden, at(p, p->h, unit), p->extent, is_gru);
  // The state before the step: that of another step, or the initial one.
  const void *states = is_gru ? p->trace->output : p->trace->cells;
  const char *initial = is_gru ? p->h0 : p->c0;
  backward_cells(p, 0, p->alive, states ? at(p, states, p->before * p->hidden + unit) : NULL, p->hidden, unit, width);
  backward_cells(p, p->alive, p->rows - p->alive, initial ? at(p, initial, p->alive * p->hidden + unit) : NULL, p->hidden, unit, width);
}

static void add(int dtype, const void *a, const void *b, void *sum, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (dtype == EMBER_FLOAT64) ((double *)sum)[i] = ((const double *)a)[i] + (b ? ((const double *)b)[i] : 0);
    else ((float *)sum)[i] = ((const float *)a)[i] + (b ? ((const float *)b)[i] : 0);
  }
}

/// The gradient of a projected h, of which the cells get their share.
static void unproject(const pass *p) {
  const ember_recurrence *layer = p->layer;
  const ember_recurrence_gradients *g = p->gradients;
  if (p->pending_rows > 0)
    ember_gemm(layer->dtype, p->pending_rows, p->extent, p->gates * p->hidden, pending_gates(p), p->gates * p->hidden, 1,
               layer->weight_hh, p->extent, 1, p->h, p->extent, NULL);
  if (p->rows == 0) return;
  char *projected = at(p, g->projected, p->row * p->extent);
  add(layer->dtype, p->h, g->output ? at(p, g->output, p->row * p->extent) : NULL, projected, p->rows * p->extent);
  ember_gemm(layer->dtype, p->rows, p->hidden, p->extent, projected, p->extent, 1, layer->weight_hr, p->hidden, 1, p->unprojected,
             p->hidden, NULL);
}

void ember_recurrence_backward(const ember_recurrence *layer, const ember_recurrence_trace *trace, const void *h0, const void *c0,
                               const ember_recurrence_gradients *gradients) {
  pass p = begin(layer, trace);
  p.gradients = gradients;
  p.h = gradients->h, p.c = gradients->c, p.h0 = h0, p.c0 = c0;
  p.weights = (weights){.b = layer->weight_hh, .row_stride = p.extent, .column_stride = 1, .k = p.gates * p.hidden, .groups = 1,
                        .columns = p.extent};
  const size_t bytes = (size_t)(layer->steps > 0 ? layer->batch_sizes[0] * p.hidden * p.size : 0);
  if (layer->projection) {
    p.weights.tile = 16;
    p.unprojected = ember_scratch(bytes);
    if (!p.unprojected) return;
  } else if (!pack(&p.weights, layer->dtype)) {
    return;
  }
  // Against the order of the forward pass, and once more for the gradient of the initial state.
  int64_t row = layer->backwards ? 0 : first_row(layer, layer->steps);
  for (int64_t i = 0; i <= layer->steps; i++) {
    const bool ends = i == layer->steps;
    const int64_t t = layer->backwards ? i : layer->steps - 1 - i, earlier = layer->backwards ? t + 1 : t - 1;
    p.rows = ends ? 0 : layer->batch_sizes[t];
    p.row = layer->backwards ? row : row - p.rows;
    const bool is_first = ends || earlier < 0 || earlier >= layer->steps;
    p.alive = is_first ? 0 : minimum(p.rows, layer->batch_sizes[earlier]);
    p.before = is_first ? 0 : layer->backwards ? p.row + p.rows : p.row - layer->batch_sizes[earlier];
    if (p.unprojected) unproject(&p);
    over_units(&p, p.rows > p.pending_rows ? p.rows : p.pending_rows, backward_chunk);
    p.pending = p.row, p.pending_rows = p.rows;
    row = layer->backwards ? row + p.rows : row - p.rows;
  }
  release(&p.weights);
  if (p.unprojected) ember_deallocate(p.unprojected, bytes);
}
