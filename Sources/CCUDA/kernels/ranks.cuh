// Elements chosen by their rank along the middle dimension of dense [outer, count, inner], and places in sorted rows. By the keys of
// sort.cuh: NaN comes last.

// Where each of `total` values would be inserted, `per_row` of them into the same row of n sorted elements; rows lie `row_stride` apart.
template <class T> __global__ void __launch_bounds__(256) search_sorted(
    const T *sorted, const T *values, i64 *places, i64 n, i64 row_stride, i64 per_row, i64 total, i32 right) {
  const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= total) return;
  const auto key = SortKey<T>::of(values[i]);
  const T *row = sorted + i / per_row * row_stride;
  i64 low = 0, high = n;
  while (low < high) {
    const i64 middle = low + (high - low) / 2;
    const auto other = SortKey<T>::of(row[middle]);
    if (right ? other <= key : other < key) low = middle + 1;
    else high = middle;
  }
  places[i] = low;
}

enum { rank_given, rank_median, rank_median_of_numbers };

// A block to a row: the element of a rank, or the lower median, which NaN becomes or has no part in; of equal ones the first. Its key is
// found digit by digit from the top, each pass counting the elements that share the digits found so far.
template <class T> __global__ void __launch_bounds__(1024) element_of_rank(
    const T *x, T *values, i64 *indices, i64 count, i64 inner, i64 rank, i32 choice) {
  typedef sort_key_t<T> K;
  __shared__ u32 counts[256];
  __shared__ u32 found[2];  // a digit, and elements with lower ones
  __shared__ i32 scratch[32];
  const T *row = x + row_offset(blockIdx.x, count, inner);
  // Positions take 31 bits.
  u32 remaining = (u32)rank;
  K key = 0, mask = 0;
  bool is_known = false;
  if (choice != rank_given) {
    i32 missing = 0;
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) {
      const auto value = load(row[i * inner]);
      missing += value != value;
    }
    missing = block_all(missing, [](i32 a, i32 b) { return a + b; }, 0, scratch);
    is_known = missing == (i32)count || (missing && choice == rank_median);
    remaining = (u32)((count - missing - 1) / 2);
  }
  if (is_known) {
    const K top = (K)1 << (SortKey<T>::bits - 1);
    key = mask = top | (top - 1);
  }
  for (int shift = SortKey<T>::bits - 8; shift >= 0 && !is_known; shift -= 8) {
    for (int i = threadIdx.x; i < 256; i += blockDim.x) counts[i] = 0;
    __syncthreads();
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) {
      const K own = SortKey<T>::of(row[i * inner]);
      if ((own & mask) == key) atomicAdd(&counts[(u32)(own >> shift) & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x < 32) {
      u32 sum = 0;
      for (int d = 0; d < 8; d++) sum += counts[threadIdx.x * 8 + d];
      u32 before = sum;
      for (int distance = 1; distance < 32; distance <<= 1) {
        const u32 other = __shfl_up_sync(full_warp, before, distance);
        if ((int)threadIdx.x >= distance) before += other;
      }
      before -= sum;
      if (before <= remaining && remaining < before + sum) {
        int d = 0;
        while (before + counts[threadIdx.x * 8 + d] <= remaining) before += counts[threadIdx.x * 8 + d++];
        found[0] = threadIdx.x * 8 + d, found[1] = before;
      }
    }
    __syncthreads();
    remaining -= found[1];
    key |= (K)found[0] << shift;
    mask |= (K)255 << shift;
    __syncthreads();
  }
  i32 position = 0x7fffffff;
  for (i64 i = threadIdx.x; i < count && position == 0x7fffffff; i += blockDim.x)
    if (SortKey<T>::of(row[i * inner]) == key) position = (i32)i;
  position = block_all(position, [](i32 a, i32 b) { return b < a ? b : a; }, 0x7fffffff, scratch);
  if (threadIdx.x) return;
  values[blockIdx.x] = row[position * inner];
  indices[blockIdx.x] = position;
}
