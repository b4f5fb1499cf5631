// Matrix products for what cuBLASLt does not take: integers, and machines without it. y = activation(alpha a b + beta y + bias), tiles of
// 16 × 16 in shared memory.

struct MatrixArguments {
  i64 rows, columns, depth;
  i64 a_batch, a_row, a_column;
  i64 b_batch, b_row, b_column;
  i64 output_batch;
  f64 alpha, beta;
};

template <class A> DEVICE A scaled(A x, f64 factor) {
  if constexpr (IsComplex<A>::value) return A{x.re * (real_t<A>)factor, x.im * (real_t<A>)factor};
  else return (A)(x * (A)factor);
}

template <class T> __global__ void __launch_bounds__(256) matrix_product(
    const T *a, const T *b, T *y, const T *bias, MatrixArguments m, i32 uses_beta) {
  typedef compute_t<T> A;
  __shared__ A left[16][17];
  __shared__ A right[16][17];
  const int column_in_tile = threadIdx.x & 15, row_in_tile = threadIdx.x >> 4;
  const i64 row = (i64)blockIdx.y * 16 + row_in_tile, column = (i64)blockIdx.x * 16 + column_in_tile;
  a += blockIdx.z * m.a_batch;
  b += blockIdx.z * m.b_batch;
  y += blockIdx.z * m.output_batch;
  A sum = convert<A>((i32)0);
  for (i64 k = 0; k < m.depth; k += 16) {
    left[row_in_tile][column_in_tile] =
        row < m.rows && k + column_in_tile < m.depth ? load(a[row * m.a_row + (k + column_in_tile) * m.a_column]) : convert<A>((i32)0);
    right[row_in_tile][column_in_tile] =
        k + row_in_tile < m.depth && column < m.columns ? load(b[(k + row_in_tile) * m.b_row + column * m.b_column]) : convert<A>((i32)0);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 16; i++) sum = op_add(sum, op_multiply(left[row_in_tile][i], right[i][column_in_tile]));
    __syncthreads();
  }
  if (row >= m.rows || column >= m.columns) return;
  T *target = y + row * m.columns + column;
  A result = m.alpha == 1 ? sum : scaled(sum, m.alpha);
  if (uses_beta) result = op_add(result, scaled(load(*target), m.beta));
  if (bias) result = op_add(result, load(bias[column]));
  *target = store<T>(result);
}

// Raw values are those of `Activation`.
template <class A> DEVICE A activated(A x, i32 activation) {
  if constexpr (IsFloating<A>::value) {
    switch (activation) {
      case 1: return x > 0 || x != x ? x : (A)0;
      case 2: return op_gelu(x);
      case 3: return x / 2 * (1 + op_tanh((A)0.79788456080286535588 * (x + (A)0.044715 * x * x * x)));
      case 4: return op_sigmoid(x);
      case 5: return op_tanh(x);
      case 6: return x * op_sigmoid(x);
    }
  }
  return x;
}

// What a product does to its result when the library does not do it: y = activation(y + bias).
template <class T> __global__ void __launch_bounds__(256) matrix_finish(T *y, const T *bias, i64 columns, i64 count, i32 activation) {
  const i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= count) return;
  auto x = load(y[i]);
  if (bias) x = op_add(x, load(bias[i % columns]));
  y[i] = store<T>(activated(x, activation));
}
