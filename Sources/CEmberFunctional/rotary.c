// Rotary position embeddings: a chunk for each position.
#include "ember_functional_rotary.h"

#include "CEmberKernels.h"

typedef struct {
  const float *x, *cosines, *sines;
  float *y;
  int64_t time, heads, features, positions, per_chunk;
  int interleaved;
  float sign;
} job;

static void rotate(const job *j, int64_t position) {
  const int64_t half = j->features / 2, stride = j->interleaved ? 2 : 1, second = j->interleaved ? 1 : half;
  const float *restrict c = j->cosines + position % j->time * half, *restrict s = j->sines + position % j->time * half;
  for (int64_t head = 0; head < j->heads; head++) {
    const int64_t start = (position * j->heads + head) * j->features;
    const float *restrict x = j->x + start;
    float *restrict y = j->y + start;
    for (int64_t i = 0; i < half; i++) {
      const float a = x[i * stride], b = x[i * stride + second], sine = s[i] * j->sign;
      y[i * stride] = a * c[i] - b * sine;
      y[i * stride + second] = b * c[i] + a * sine;
    }
  }
}

static void chunk(void *context, int64_t number) {
  const job *j = context;
  const int64_t end = (number + 1) * j->per_chunk;
  for (int64_t i = number * j->per_chunk; i < end && i < j->positions; i++) rotate(j, i);
}

void ember_rotate_pairs(const float *x, const float *cosines, const float *sines, float *y, int64_t outer, int64_t time, int64_t heads,
                        int64_t features, int interleaved, float sign) {
  job j = {x, cosines, sines, y, time, heads, features, outer * time, 1, interleaved, sign};
  // Too little work for several threads stays in one chunk.
  const int64_t numbers = heads * features;
  j.per_chunk = numbers > 0 && numbers < (1 << 14) ? (1 << 14) / numbers + 1 : 1;
  ember_parallel((j.positions + j.per_chunk - 1) / j.per_chunk, chunk, &j);
}
