// How often numbers occur.

static const int shared_bins = 4096;

template <class W> DEVICE void atomic_count(W *place, W value) { atomicAdd(place, value); }
DEVICE void atomic_count(i64 *place, i64 value) { atomicAdd((u64 *)place, (u64)value); }

// counts[x[i]] += weights[i], or 1 without weights. Few bins are counted by each block in shared memory first, where threads that meet wait
// for each other less long; sums of weights are taken in no particular order.
template <class W> __global__ void __launch_bounds__(256) count_values(
    const i64 *x, i64 count, i64 bins, const W *weights, W *counts, DeviceError *errors, i32 operation) {
  static __shared__ W own[shared_bins];
  const bool is_shared = bins <= shared_bins;
  if (is_shared) {
    for (i64 bin = threadIdx.x; bin < bins; bin += 256) own[bin] = 0;
    __syncthreads();
  }
  W *table = is_shared ? own : counts;
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < count; i += (i64)gridDim.x * 256) {
    const i64 bin = x[i];
    if ((u64)bin < (u64)bins) atomic_count(table + bin, weights ? weights[i] : (W)1);
    else report(errors, 1, operation, i, bin, bins);
  }
  if (!is_shared) return;
  __syncthreads();
  for (i64 bin = threadIdx.x; bin < bins; bin += 256)
    if (own[bin] != 0) atomic_count(counts + bin, own[bin]);
}
