// Evenly spaced numbers, rounded after every operation: the numbers are the CPU's, and integers made of them are too.

#ifdef EMBER_HOST
DEVICE f64 rounded_product(f64 a, f64 b) { return a * b; }
DEVICE f64 rounded_sum(f64 a, f64 b) { return a + b; }
#else
DEVICE f64 rounded_product(f64 a, f64 b) { return __dmul_rn(a, b); }
DEVICE f64 rounded_sum(f64 a, f64 b) { return __dadd_rn(a, b); }
#endif

DEVICE i64 range_number(i64 i, i64 start, i64 step) { return (i64)((u64)start + (u64)i * (u64)step); }
DEVICE f64 range_number(i64 i, f64 start, f64 step) { return rounded_sum(start, rounded_product((f64)i, step)); }

// out[i] = start + i · step
template <class T> __global__ void __launch_bounds__(256) fill_range(T *out, i64 count, T start, T step) {
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < count; i += (i64)gridDim.x * 256) out[i] = range_number(i, start, step);
}

// From start to end, computed from both ends.
template <class T> __global__ void __launch_bounds__(256) fill_between(T *out, i64 count, T start, T end) {
  const T step = count > 1 ? (end - start) / (T)(count - 1) : (T)0;
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < count; i += (i64)gridDim.x * 256)
    out[i] = i < count / 2 || count == 1 ? range_number(i, start, step) : rounded_sum(end, -rounded_product(step, (T)(count - 1 - i)));
}
