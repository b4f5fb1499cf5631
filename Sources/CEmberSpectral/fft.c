#include "CEmberSpectral.h"

#include <string.h>

#include "CEmberKernels.h"
#include "fft_plan.h"

// Elements that a chunk of lines should have at least.
enum { CHUNK_WORK = 16384 };

typedef struct {
  fft_job job;
  int64_t lines, groups_per_chunk, groups;
  int lanes;
  fft_lines *one, *several;
  size_t work_bytes;
  _Atomic bool failed;
} fft_call;

static void choose(fft_call *call, bool is_double) {
  call->one = is_double ? ember_fft_line_double : ember_fft_line_float;
  int isa = ember_isa_current();
  call->lanes = isa == EMBER_ISA_SCALAR ? 1 : is_double ? FFT_LANES_DOUBLE : FFT_LANES_FLOAT;
  call->several = isa == EMBER_ISA_SCALAR ? call->one : is_double ? ember_fft_lanes_double_baseline : ember_fft_lanes_float_baseline;
#if defined(__x86_64__)
  if (isa >= EMBER_ISA_AVX2) call->several = is_double ? ember_fft_lanes_double_avx2 : ember_fft_lanes_float_avx2;
#endif
}

static void run_chunk(void *context, int64_t chunk) {
  fft_call *call = context;
  void *work = ember_allocate(call->work_bytes);
  if (!work) {
    call->failed = true;
    return;
  }
  int64_t end = (chunk + 1) * call->groups_per_chunk;
  if (end > call->groups) end = call->groups;
  for (int64_t group = chunk * call->groups_per_chunk; group < end; group++) {
    int64_t first = group * call->lanes, count = call->lines - first;
    if (count > call->lanes) count = call->lanes;
    // A single line gains nothing from lanes.
    (count == 1 ? call->one : call->several)(&call->job, first, count, work);
  }
  ember_deallocate(work, call->work_bytes);
}

static bool run(bool is_double, fft_kind kind, int64_t outer, int64_t n, int64_t inner, const void *in, void *out, bool inverse,
                double scale) {
  if (outer * n * inner == 0) return true;
  // Real transforms of even length are packed into complex ones of half the length.
  bool packed = kind != FFT_COMPLEX && n % 2 == 0;
  fft_plan *plan = ember_fft_plan_acquire(packed ? n / 2 : n, is_double, packed);
  if (!plan) return false;
  fft_call call = {.job = {plan, kind, n, inner, in, out, inverse, scale}, .lines = outer * inner};
  choose(&call, is_double);
  call.groups = (call.lines + call.lanes - 1) / call.lanes;
  call.groups_per_chunk = CHUNK_WORK / (n * call.lanes) + 1;
  call.work_bytes = fft_work_values(plan) * 2 * (is_double ? sizeof(double) : sizeof(float)) * (size_t)call.lanes;
  ember_parallel((call.groups + call.groups_per_chunk - 1) / call.groups_per_chunk, run_chunk, &call);
  ember_fft_plan_release(plan);
  return !call.failed;
}

bool ember_fft_complex(bool is_double, int64_t outer, int64_t n, int64_t inner, const void *in, void *out, bool inverse, double scale) {
  return run(is_double, FFT_COMPLEX, outer, n, inner, in, out, inverse, scale);
}

bool ember_fft_real_to_complex(bool is_double, int64_t outer, int64_t n, int64_t inner, const void *in, void *out, bool inverse,
                               double scale) {
  return run(is_double, FFT_REAL_TO_COMPLEX, outer, n, inner, in, out, inverse, scale);
}

bool ember_fft_complex_to_real(bool is_double, int64_t outer, int64_t n, int64_t inner, const void *in, void *out, bool inverse,
                               double scale) {
  return run(is_double, FFT_COMPLEX_TO_REAL, outer, n, inner, in, out, inverse, scale);
}

bool ember_fft_complex_planned(const fft_plan *plan, const void *in, void *out, double scale) {
  fft_call call = {.job = {plan, FFT_COMPLEX, plan->n, 1, in, out, false, scale}, .lines = 1, .groups = 1, .groups_per_chunk = 1};
  choose(&call, plan->is_double);
  call.work_bytes = fft_work_values(plan) * 2 * (plan->is_double ? sizeof(double) : sizeof(float)) * (size_t)call.lanes;
  run_chunk(&call, 0);
  return !call.failed;
}
