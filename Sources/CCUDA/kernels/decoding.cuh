// One more token of texts whose keys and values are kept in memory of a fixed size. Where each text stands is read from device memory, so
// that a recording of the launches serves every token: `positions` [batch] int64, the number of tokens that were there before. Launches may
// overlap: nothing but the last one of a step changes the positions, so that they are known from its beginning, as is what earlier steps
// kept.

static const f32 log2_e = 1.4426950408889634f;

DEVICE f32 two_to_the(f32 x) {
#ifdef EMBER_HOST
  return exp2f(x);
#else
  f32 y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

// MARK: - Attention

// q [batch, heads, features], new keys and values [batch, key heads, features], each with strides of the batch and the heads; keys and
// values [batch, key heads, capacity, features], dense; y [batch, heads, features], dense.
struct DecodingArguments {
  i32 heads, key_heads, features, splits;
  i64 capacity;
  i64 q_batch, q_head, key_batch, key_head, value_batch, value_head;
  f32 scale;
};

// y = softmax(scale · q keysᵀ) values over all keys up to the new one, which is added to them at its position.
//
// blockIdx.y: a text, a head of keys, and G of the heads that share it; blockIdx.x: a part of the keys. Each group of lanes takes keys of
// its own, U at a time, so that a part is asked for at once. The block that is the last to be done with a head combines its parts.
// `partials`: [blocks y, G, splits, D + 2]; `counters` [blocks y] are 0 before and after.
template <class T, int D, int G>
__global__ void __launch_bounds__(128) decoding_attention(
    const T *q, const T *new_keys, const T *new_values, T *keys, T *values, const i64 *positions, f32 *partials, u32 *counters, T *y,
    DecodingArguments a) {
  const int N = 16 / (int)sizeof(T), lanes = D / N < 32 ? D / N : 32, K = D / (N * lanes), U = K > 1 ? 2 : 4;
  const int keys_of_warp = 32 / lanes, step = 4 * keys_of_warp * U, most_splits = 64;
  __shared__ f32 shared_sums[4][G][D];
  __shared__ f32 shared_largest[4][G], shared_total[4][G];
  __shared__ f32 split_largest[G][most_splits], split_total[G][most_splits];
  __shared__ u32 arrived;
  let_next_begin();
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, slot = lane / lanes;
  const int group = a.heads / a.key_heads, passes = (group + G - 1) / G;
  const int pass = blockIdx.y % passes, key_head = blockIdx.y / passes % a.key_heads, batch = blockIdx.y / passes / a.key_heads;
  const int first_head = key_head * group + pass * G, heads = min(G, group - pass * G);
  const i64 position = positions[batch], length = position + 1;
  if (position < 0 || position >= a.capacity) {
    wait_for_previous();
    return;
  }
  const i64 share = (length + a.splits - 1) / a.splits, part = (share + step - 1) / step * step;
  const int active = (int)((length + part - 1) / part);
  const i64 first = (i64)blockIdx.x * part, end = first + part < length ? first + part : length;
  if (first >= length) return;
  new_keys += batch * a.key_batch + key_head * a.key_head;
  new_values += batch * a.value_batch + key_head * a.value_head;
  keys += ((i64)batch * a.key_heads + key_head) * a.capacity * a.features;
  values += ((i64)batch * a.key_heads + key_head) * a.capacity * a.features;

  Words key[U][K], value[U][K];
  // What was there before; zeros in the place of others.
  const auto fetch = [&](i64 base) {
#pragma unroll
    for (int u = 0; u < U; u++) {
      const i64 at = base + (u * 4 + warp) * keys_of_warp + slot;
#pragma unroll
      for (int k = 0; k < K; k++) {
        const int column = (lane % lanes + k * lanes) * N;
        if (at < end && at < position && column < a.features) {
          key[u][k] = *(const Words *)(keys + at * a.features + column);
          value[u][k] = *(const Words *)(values + at * a.features + column);
        } else {
          key[u][k] = value[u][k] = Words{{0, 0, 0, 0}};
        }
      }
    }
  };
  fetch(first);
  wait_for_previous();
  f32 query[G][K * N], sums[G][K * N], largest[G], total[G];
#pragma unroll
  for (int g = 0; g < G; g++) {
    largest[g] = -INFINITY, total[g] = 0;
#pragma unroll
    for (int k = 0; k < K; k++) {
      const int column = (lane % lanes + k * lanes) * N;
      const bool is_there = g < heads && column < a.features;
      Words part_of_query;
      if (is_there) part_of_query = *(const Words *)(q + batch * a.q_batch + (i64)(first_head + g) * a.q_head + column);
#pragma unroll
      for (int n = 0; n < N; n++) {
        query[g][k * N + n] = is_there ? element<T>(part_of_query, n) * (a.scale * log2_e) : 0;
        sums[g][k * N + n] = 0;
      }
    }
  }
  for (i64 base = first; base < end; base += step) {
    if (position < base + step) {
#pragma unroll
      for (int u = 0; u < U; u++)
#pragma unroll
        for (int k = 0; k < K; k++) {
          const i64 at = base + (u * 4 + warp) * keys_of_warp + slot;
          const int column = (lane % lanes + k * lanes) * N;
          if (at != position || at >= end || column >= a.features) continue;
          key[u][k] = *(const Words *)(new_keys + column);
          value[u][k] = *(const Words *)(new_values + column);
          if (pass == 0) {
            *(Words *)(keys + at * a.features + column) = key[u][k];
            *(Words *)(values + at * a.features + column) = value[u][k];
          }
        }
    }
#pragma unroll
    for (int g = 0; g < G; g++) {
      f32 scores[U], best = largest[g];
#pragma unroll
      for (int u = 0; u < U; u++) {
        f32 score = 0;
#pragma unroll
        for (int k = 0; k < K; k++)
#pragma unroll
          for (int n = 0; n < N; n++) score += query[g][k * N + n] * element<T>(key[u][k], n);
#pragma unroll
        for (int mask = lanes / 2; mask; mask >>= 1) score += shuffle_xor(score, mask);
        scores[u] = base + (u * 4 + warp) * keys_of_warp + slot < end ? score : -INFINITY;
        best = best > scores[u] ? best : scores[u];
      }
      // A group of lanes beyond the end has seen no key.
      const f32 factor = best == -INFINITY ? 1 : two_to_the(largest[g] - best);
      largest[g] = best;
      total[g] *= factor;
#pragma unroll
      for (int i = 0; i < K * N; i++) sums[g][i] *= factor;
#pragma unroll
      for (int u = 0; u < U; u++) {
        const f32 weight = best == -INFINITY ? 0 : two_to_the(scores[u] - best);
        total[g] += weight;
#pragma unroll
        for (int k = 0; k < K; k++)
#pragma unroll
          for (int n = 0; n < N; n++) sums[g][k * N + n] += weight * element<T>(value[u][k], n);
      }
    }
    fetch(base + step);
  }
  // The groups of a warp, then the warps of the block.
#pragma unroll
  for (int g = 0; g < G; g++) {
#pragma unroll
    for (int mask = lanes; mask < 32; mask <<= 1) {
      const f32 other = shuffle_xor(largest[g], mask), best = other > largest[g] ? other : largest[g];
      const f32 factor = largest[g] == -INFINITY ? 0 : two_to_the(largest[g] - best);
      const f32 other_factor = other == -INFINITY ? 0 : two_to_the(other - best);
      largest[g] = best;
      total[g] = total[g] * factor + shuffle_xor(total[g], mask) * other_factor;
#pragma unroll
      for (int i = 0; i < K * N; i++) sums[g][i] = sums[g][i] * factor + shuffle_xor(sums[g][i], mask) * other_factor;
    }
    if (slot == 0) {
#pragma unroll
      for (int k = 0; k < K; k++)
#pragma unroll
        for (int n = 0; n < N; n++) shared_sums[warp][g][(lane % lanes + k * lanes) * N + n] = sums[g][k * N + n];
      if (lane == 0) shared_largest[warp][g] = largest[g], shared_total[warp][g] = total[g];
    }
  }
  __syncthreads();
  y += ((i64)batch * a.heads + first_head) * a.features;
  partials += (i64)blockIdx.y * G * a.splits * (D + 2);
  for (int i = threadIdx.x; i < heads * a.features; i += 128) {
    const int g = i / a.features, column = i % a.features;
    f32 best = -INFINITY, sum = 0, weights = 0;
#pragma unroll
    for (int w = 0; w < 4; w++) best = best > shared_largest[w][g] ? best : shared_largest[w][g];
#pragma unroll
    for (int w = 0; w < 4; w++) {
      const f32 factor = shared_largest[w][g] == -INFINITY ? 0 : two_to_the(shared_largest[w][g] - best);
      sum += shared_sums[w][g][column] * factor;
      weights += shared_total[w][g] * factor;
    }
    if (active == 1) {
      y[i] = store<T>(sum / weights);
    } else {
      f32 *own = partials + ((i64)g * a.splits + blockIdx.x) * (D + 2);
      own[column] = sum;
      if (column == 0) own[D] = best, own[D + 1] = weights;
    }
  }
  if (active == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) arrived = atomicAdd(&counters[blockIdx.y], 1u);
  __syncthreads();
  if (arrived != (u32)active - 1) return;
  __threadfence();
  // What other blocks wrote is not to come from this multiprocessor's own cache.
  const volatile f32 *all = partials;
  for (int i = threadIdx.x; i < heads * active; i += 128) {
    const int g = i / active, split = i % active;
    const volatile f32 *one = all + ((i64)g * a.splits + split) * (D + 2);
    split_largest[g][split] = one[D];
    split_total[g][split] = one[D + 1];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < heads * a.features; i += 128) {
    const int g = i / a.features, column = i % a.features;
    f32 best = -INFINITY, sum = 0, weights = 0;
    for (int split = 0; split < active; split++) best = best > split_largest[g][split] ? best : split_largest[g][split];
#pragma unroll 8
    for (int split = 0; split < active; split++) {
      const f32 factor = two_to_the(split_largest[g][split] - best);
      sum += all[((i64)g * a.splits + split) * (D + 2) + column] * factor;
      weights += split_total[g][split] * factor;
    }
    y[i] = store<T>(sum / weights);
  }
  if (threadIdx.x == 0) counters[blockIdx.y] = 0;
}

// MARK: - The ends of a step

// Tokens lie in `text` [batch, text_row]; a text's new one is at its position. y [batch, width] = its row of the table, plus that of its
// place.
template <class T> __global__ void __launch_bounds__(256) decoding_embed(
    const T *table, const T *places, const i64 *text, i64 text_row, const i64 *positions, T *y, i64 width) {
  let_next_begin();
  const i64 batch = blockIdx.y, i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= width) return;
  const i64 position = positions[batch], token = text[batch * text_row + position];
  f32 value = load(table[token * width + i]);
  if (places) value += load(places[position * width + i]);
  y[batch * width + i] = store<T>(value);
}

// Larger for larger numbers, for NaN largest; among equal ones for the first.
DEVICE u64 rank_of(f32 x, u32 index) {
  const u32 bits = float_to_bits(x == 0 ? 0.0f : x), ordered = x != x ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
  return (u64)ordered << 32 | (0xffffffffu - index);
}

// Appends the likeliest token of each text's logits [batch, vocabulary], or the `chosen` one [batch], to it. A block a text.
template <class T> __global__ void __launch_bounds__(1024) decoding_append(
    const T *logits, const i64 *chosen, i64 *text, i64 text_row, i64 *positions, i64 vocabulary) {
  __shared__ u64 scratch[32];
  const int N = 16 / (int)sizeof(T);
  const i64 batch = blockIdx.x;
  wait_for_previous();
  i64 token;
  if (chosen) {
    // What was drawn from NaN may be anything.
    token = chosen[batch] < 0 ? 0 : chosen[batch] < vocabulary ? chosen[batch] : vocabulary - 1;
  } else {
    logits += batch * vocabulary;
    const i64 vectors = (u64)logits % 16 ? 0 : vocabulary / N;
    u64 best = 0;
#pragma unroll 4
    for (i64 v = threadIdx.x; v < vectors; v += blockDim.x) {
      const Words part = *(const Words *)(logits + v * N);
#pragma unroll
      for (int n = 0; n < N; n++) {
        const u64 own = rank_of(element<T>(part, n), (u32)(v * N + n));
        best = own > best ? own : best;
      }
    }
    for (i64 i = vectors * N + threadIdx.x; i < vocabulary; i += blockDim.x) {
      const u64 own = rank_of(load(logits[i]), (u32)i);
      best = own > best ? own : best;
    }
    best = block_all(best, [](u64 p, u64 q) { return p > q ? p : q; }, (u64)0, scratch);
    token = (i64)(0xffffffffu - (u32)best);
  }
  if (threadIdx.x) return;
  const i64 next = positions[batch] + 1;
  if (next < text_row) text[batch * text_row + next] = token;
  positions[batch] = next;
}
