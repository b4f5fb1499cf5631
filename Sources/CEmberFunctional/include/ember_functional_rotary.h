// Rotary position embeddings.
#ifndef EMBER_FUNCTIONAL_ROTARY_H
#define EMBER_FUNCTIONAL_ROTARY_H

#include <stdint.h>

/// Turns pairs of features by angles: y = (a cos - b sin, b cos + a sin). x and y are [outer, time, heads, features], dense, in float32; cos and sin
/// are [time, features / 2]. A pair is (2 i, 2 i + 1) if `interleaved`, else (i, i + features / 2). `sign` -1 turns back.
void ember_rotate_pairs(const float *x, const float *cosines, const float *sines, float *y, int64_t outer, int64_t time, int64_t heads,
                        int64_t features, int interleaved, float sign);

#endif
