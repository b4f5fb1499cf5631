// Sums, means and maxima of bags of rows of a table.

enum { bag_sum = 0, bag_mean = 1, bag_maximum = 2 };

// y[b] gathers the rows table[indices[i]] for offsets[b] <= i < offsets[b + 1], without those of index `padding`, each times weights[i] if
// given. Empty bags yield 0. For maxima, winners [bags, features] gets the rows' numbers, -1 in empty bags. A group of 2^k threads works on
// each bag. Indices and offsets have been checked.
template <class T, int mode> __global__ void __launch_bounds__(256) embedding_bag(
    const T *__restrict__ table, const i64 *__restrict__ indices, const i64 *__restrict__ offsets, const T *__restrict__ weights,
    i64 padding, T *y, i64 *winners, i64 bags, i64 features, i32 lanes_log2) {
  typedef compute_t<T> C;
  const int lanes = 1 << lanes_log2, lane = threadIdx.x & (lanes - 1);
  const i64 bag = (i64)blockIdx.x * (256 >> lanes_log2) + (threadIdx.x >> lanes_log2);
  if (bag >= bags) return;
  const i64 from = offsets[bag], to = offsets[bag + 1];
  for (i64 k = (i64)blockIdx.y * lanes + lane; k < features; k += (i64)gridDim.y * lanes) {
    C sum = 0;
    i64 count = 0, winner = -1;
#pragma unroll 4
    for (i64 i = from; i < to; i++) {
      const i64 index = indices[i];
      if (index == padding) continue;
      const C x = load(table[index * features + k]);
      if (mode == bag_maximum) {
        if (count == 0 || x > sum) {
          sum = x;
          winner = index;
        }
      } else {
        sum += weights ? load(weights[i]) * x : x;
      }
      count++;
    }
    if (mode == bag_mean && count) sum /= (C)count;
    y[bag * features + k] = store<T>(sum);
    if (mode == bag_maximum) winners[bag * features + k] = winner;
  }
}
