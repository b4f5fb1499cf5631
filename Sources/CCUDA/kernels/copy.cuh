// Copies of any layout to any other, with conversion.

template <class To, class From> DEVICE To converted(From x) {
  return store<To>(convert<compute_t<To>>(load(x)));
}

// Dense to dense.
template <class From, class To, int N> __global__ void __launch_bounds__(256) copy_dense(const From *x, To *y, i64 count) {
  i64 i = ((i64)blockIdx.x * blockDim.x + threadIdx.x) * N;
  if (i + N <= count) {
    const Vector<From, N> in = *(const Vector<From, N> *)(x + i);
    Vector<To, N> out;
#pragma unroll
    for (int k = 0; k < N; k++) out.at[k] = converted<To>(in.at[k]);
    *(Vector<To, N> *)(y + i) = out;
  } else {
    for (; i < count; i++) y[i] = converted<To>(x[i]);
  }
}

// Strides 0 are the source's, 1 the target's.
template <class From, class To> __global__ void __launch_bounds__(256) copy_strided(const From *x, To *y, Layout<2> layout, u32 count) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  i64 offsets[2];
  layout.offsets(i, offsets);
  y[offsets[1]] = converted<To>(x[offsets[0]]);
}

// A batch of matrices [rows, columns] whose source is dense along the rows: 32×32 tiles go through shared memory, so that both sides
// are read and written along their dense dimension.
template <class From, class To>
__global__ void __launch_bounds__(256) copy_transposed(
    const From *x, To *y, i64 rows, i64 columns, i64 x_column_stride, i64 y_row_stride, i64 x_batch_stride, i64 y_batch_stride) {
  __shared__ To tile[32][33];
  const int lane = threadIdx.x & 31, row = threadIdx.x >> 5;
  const i64 first_row = (i64)blockIdx.x * 32, first_column = (i64)blockIdx.y * 32;
  x += blockIdx.z * x_batch_stride;
  y += blockIdx.z * y_batch_stride;
#pragma unroll
  for (int k = 0; k < 32; k += 8) {
    const i64 r = first_row + lane, c = first_column + row + k;
    if (r < rows && c < columns) tile[row + k][lane] = converted<To>(x[c * x_column_stride + r]);
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < 32; k += 8) {
    const i64 r = first_row + row + k, c = first_column + lane;
    if (r < rows && c < columns) y[r * y_row_stride + c] = tile[lane][row + k];
  }
}
