// Where the taps of a convolution find their elements, worked out once for all channels (and images).
#include "convolution_internal.h"
#include "ember_allocator.h"

enum {
  MAXIMUM_SEGMENTS = 4,  // more of them than this in a vector, and reading lane by lane is as fast
};

typedef struct {
  const convolution_geometry *geometry;
  convolution_plan *plan;
} plan_job;

/// A stretch of columns in one row of the grid.
typedef struct {
  int64_t image, t0, t1, t2;
  int64_t count;
} run;

static run run_at(const convolution_geometry *g, int64_t column, int64_t limit) {
  run r;
  r.t2 = column % g->grid[2];
  column /= g->grid[2];
  r.t1 = column % g->grid[1];
  column /= g->grid[1];
  r.t0 = column % g->grid[0];
  r.image = column / g->grid[0];
  r.count = g->grid[2] - r.t2 < limit ? g->grid[2] - r.t2 : limit;
  return r;
}

// The start of the input row that taps a and b see from the row of a run, or -1.
static int64_t row_offset(const convolution_geometry *g, const run *r, int64_t a, int64_t b) {
  const int64_t i0 = r->t0 * g->step[0] + g->offsets[0][a], i1 = r->t1 * g->step[1] + g->offsets[1][b];
  if (i0 < 0 || i0 >= g->input[0] || i1 < 0 || i1 >= g->input[1]) return -1;
  return r->image * g->image_stride + (i0 * g->input[1] + i1) * g->input[2];
}

static void plan_vector(const plan_job *job, int64_t panel, int64_t vector) {
  const convolution_geometry *g = job->geometry;
  convolution_plan *plan = job->plan;
  const int64_t first = panel * 2 * plan->lanes + vector * plan->lanes;
  const int64_t lanes = plan->columns - first < plan->lanes ? plan->columns - first : plan->lanes;
  for (int64_t tap = 0; tap < plan->taps; tap++) plan->counts[(panel * plan->taps + tap) * 2 + vector] = 0;
  for (int64_t lane = 0; lane < lanes;) {
    const run r = run_at(g, first + lane, lanes - lane);
    int64_t tap = 0;
    for (int64_t a = 0; a < g->taps[0]; a++)
      for (int64_t b = 0; b < g->taps[1]; b++) {
        const int64_t row = row_offset(g, &r, a, b);
        for (int64_t c = 0; c < g->taps[2]; c++, tap++) {
          if (row < 0) continue;
          const int64_t start = r.t2 + g->offsets[2][c];
          const int64_t low = start < 0 ? -start : 0, high = g->input[2] - start < r.count ? g->input[2] - start : r.count;
          if (low >= high) continue;
          const int64_t at = (panel * plan->taps + tap) * 2 + vector;
          const uint32_t mask = (uint32_t)(((UINT64_C(1) << (high - low)) - 1) << (lane + low));
          plan->segments[at * plan->segments_per_vector + plan->counts[at]++] = (convolution_segment){row + start - lane, mask};
        }
      }
    lane += r.count;
  }
}

static void plan_indices(const plan_job *job, int64_t panel) {
  const convolution_geometry *g = job->geometry;
  convolution_plan *plan = job->plan;
  const int64_t width = 2 * plan->lanes, first = panel * width;
  const int64_t lanes = plan->columns - first < width ? plan->columns - first : width;
  int32_t *indices = plan->indices + panel * plan->taps * width;
  for (int64_t i = 0; i < plan->taps * width; i++) indices[i] = -1;
  // Indices count from the panel's first image.
  const int64_t base = run_at(g, first, 1).image * g->image_stride;
  plan->bases[panel] = base;
  for (int64_t lane = 0; lane < lanes;) {
    const run r = run_at(g, first + lane, lanes - lane);
    int64_t tap = 0;
    for (int64_t a = 0; a < g->taps[0]; a++)
      for (int64_t b = 0; b < g->taps[1]; b++) {
        const int64_t row = row_offset(g, &r, a, b);
        for (int64_t c = 0; c < g->taps[2]; c++, tap++) {
          if (row < 0) continue;
          for (int64_t i = 0; i < r.count; i++) {
            const int64_t i2 = (r.t2 + i) * g->step[2] + g->offsets[2][c];
            if (i2 >= 0 && i2 < g->input[2]) indices[tap * width + lane + i] = (int32_t)(row + i2 - base);
          }
        }
      }
    lane += r.count;
  }
}

enum { PANELS_PER_CHUNK = 16 };

static void plan_chunk(void *context, int64_t chunk) {
  const plan_job *job = context;
  const int64_t end = (chunk + 1) * PANELS_PER_CHUNK < job->plan->panels ? (chunk + 1) * PANELS_PER_CHUNK : job->plan->panels;
  for (int64_t panel = chunk * PANELS_PER_CHUNK; panel < end; panel++) {
    if (job->plan->segments_per_vector == 0) plan_indices(job, panel);
    else
      for (int64_t vector = 0; vector < 2; vector++) plan_vector(job, panel, vector);
  }
}

convolution_plan *convolution_plan_make(const convolution_geometry *g, int64_t lanes, bool flat) {
  convolution_plan plan = {.lanes = lanes};
  plan.columns = (flat ? g->images : 1) * g->grid[0] * g->grid[1] * g->grid[2];
  plan.panels = (plan.columns + 2 * lanes - 1) / (2 * lanes);
  plan.taps = g->taps[0] * g->taps[1] * g->taps[2];
  int64_t segments = (lanes - 1) / g->grid[2] + 2;
  if (segments > lanes) segments = lanes;
  plan.segments_per_vector = g->step[2] == 1 && segments <= MAXIMUM_SEGMENTS ? segments : 0;

  const size_t vectors = (size_t)(plan.panels * plan.taps * 2), head = (sizeof plan + 63) / 64 * 64;
  const size_t bases = ((size_t)plan.panels * sizeof(int64_t) + 63) / 64 * 64;
  if (plan.segments_per_vector > 0)
    plan.bytes = head + vectors * (size_t)plan.segments_per_vector * sizeof(convolution_segment) + vectors;
  else plan.bytes = head + bases + vectors * (size_t)lanes * sizeof(int32_t);
  char *memory = ember_scratch(plan.bytes);
  if (!memory) return NULL;
  if (plan.segments_per_vector > 0) {
    plan.segments = (convolution_segment *)(memory + head);
    plan.counts = (uint8_t *)(plan.segments + vectors * (size_t)plan.segments_per_vector);
  } else {
    plan.bases = (int64_t *)(memory + head);
    plan.indices = (int32_t *)(memory + head + bases);
  }
  convolution_plan *result = (convolution_plan *)memory;
  *result = plan;
  plan_job job = {g, result};
  const int64_t chunks = (plan.panels + PANELS_PER_CHUNK - 1) / PANELS_PER_CHUNK;
  if (plan.panels * plan.taps < 2000)
    for (int64_t i = 0; i < chunks; i++) plan_chunk(&job, i);
  else ember_parallel(chunks, plan_chunk, &job);
  return result;
}

void convolution_plan_free(convolution_plan *plan) {
  if (plan) ember_deallocate(plan, plan->bytes);
}
