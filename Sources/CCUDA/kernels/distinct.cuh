// Distinct elements of an array whose equal ones are neighbours: sorted, or runs as they are.

// 1 where a run of equal elements begins; no NaN equals another.
template <class T> __global__ void __launch_bounds__(256) mark_runs(const T *x, u8 *begins, i64 n) {
  const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const auto value = load(x[i]);
  begins[i] = i == 0 || value != value || SortKey<T>::of(x[i]) != SortKey<T>::of(x[i - 1]);
}

// `numbers`: how many runs begin up to each element. `order`: where elements come from, unless null. starts [runs + 1].
template <class T> __global__ void __launch_bounds__(256) collect_runs(
    const T *x, const u8 *begins, const i64 *numbers, const i64 *order, T *values, i64 *inverse, i64 *starts, i64 n) {
  const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const i64 number = numbers[i] - 1;
  inverse[order ? order[i] : i] = number;
  if (begins[i]) values[number] = x[i], starts[number] = i;
  if (i == n - 1) starts[number + 1] = n;
}

static __global__ void __launch_bounds__(256) count_runs(const i64 *starts, i64 *counts, i64 runs) {
  const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < runs) counts[i] = starts[i + 1] - starts[i];
}
