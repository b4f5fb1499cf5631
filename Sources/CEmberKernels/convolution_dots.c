// Forward convolution of so few points that packing the weights would take longer than the products: every result is a dot product of
// a filter, read where it lies, with what the point sees, gathered once.
#include <string.h>

#include "convolution_internal.h"
#include "ember_allocator.h"

// Fewer channels or filters do not fill the vectors of a dot product.
enum { MINIMUM_DEPTH = 32 };

static int64_t points_of(const convolution_geometry *g) { return g->images * g->grid[0] * g->grid[1] * g->grid[2]; }

bool convolution_is_dots(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows) {
  const int64_t depth = channels * job->taps;
  return points_of(g) > 0 && depth >= MINIMUM_DEPTH && rows >= MINIMUM_DEPTH && points_of(g) <= 2 * job->gemm->dot_rows;
}

// What one point sees: [channel][taps], zeros outside the input.
static void gather(const convolution_job *job, const convolution_geometry *g, int64_t channels, const char *x, int64_t point,
                   char *to) {
  const int64_t size = job->size;
  const int64_t t[3] = {point / (g->grid[1] * g->grid[2]), point / g->grid[2] % g->grid[1], point % g->grid[2]};
  for (int64_t channel = 0; channel < channels; channel++, x += g->plane * size)
    for (int64_t a = 0; a < g->taps[0]; a++) {
      const int64_t i0 = t[0] * g->step[0] + g->offsets[0][a];
      for (int64_t b = 0; b < g->taps[1]; b++) {
        const int64_t i1 = t[1] * g->step[1] + g->offsets[1][b];
        const bool inside = i0 >= 0 && i0 < g->input[0] && i1 >= 0 && i1 < g->input[1];
        const char *row = x + (i0 * g->input[1] + i1) * g->input[2] * size;
        const int64_t start = t[2] * g->step[2], taps = g->taps[2];
        const int64_t first = start + g->offsets[2][0], last = start + g->offsets[2][taps - 1];
        if (inside && first >= 0 && last < g->input[2] && last - first == taps - 1) {
          memcpy(to, row + first * size, (size_t)(taps * size));
          to += taps * size;
          continue;
        }
        for (int64_t c = 0; c < taps; c++, to += size) {
          const int64_t i2 = start + g->offsets[2][c];
          if (inside && i2 >= 0 && i2 < g->input[2]) memcpy(to, row + i2 * size, (size_t)size);
          else memset(to, 0, (size_t)size);
        }
      }
    }
}

// From [point][filter] to [image][group][filter][point of the image].
static void spread(const convolution_job *job, const convolution_geometry *g, int64_t rows, const char *from, int64_t group, char *y) {
  const int64_t size = job->size, all = points_of(g), points = all / g->images;
  for (int64_t p = 0; p < all; p++) {
    char *to = y + (((p / points * job->groups + group) * rows) * points + p % points) * size;
    for (int64_t row = 0; row < rows; row++, from += size, to += points * size) memcpy(to, from, (size_t)size);
  }
}

void convolution_run_dots(const convolution_job *job, const convolution_geometry *g, int64_t channels, int64_t rows, const void *x,
                          const ember_convolution_terms *terms, void *y) {
  const int64_t depth = channels * job->taps, all = points_of(g), points = all / g->images, size = job->size;
  const int dtype = size == 8 ? EMBER_FLOAT64 : EMBER_FLOAT32;
  const size_t seen = (size_t)(all * depth * size), bytes = seen + (size_t)(all * rows * size);
  char *memory = ember_scratch(bytes);
  if (!memory) return;
  char *sums = memory + seen;
  // A single point's results lie as the product gives them.
  const bool is_direct = points == 1;
  for (int64_t group = 0; group < job->groups; group++) {
    for (int64_t p = 0; p < all; p++) {
      const char *image = (const char *)x + (p / points * g->image_stride + group * channels * g->plane) * size;
      gather(job, g, channels, image, p % points, memory + p * depth * size);
    }
    const ember_gemm_epilogue epilogue = {
        .alpha = 1, .column_bias = terms->bias ? (const char *)terms->bias + group * rows * size : NULL,
        .activation = terms->activation};
    char *to = is_direct ? (char *)y + group * rows * size : sums;
    ember_gemm(dtype, all, rows, depth, memory, depth, 1, (const char *)terms->w + group * rows * depth * size, 1, depth, to,
               is_direct ? job->groups * rows : rows, &epilogue);
    if (!is_direct) spread(job, g, rows, sums, group, y);
  }
  ember_deallocate(memory, bytes);
}
