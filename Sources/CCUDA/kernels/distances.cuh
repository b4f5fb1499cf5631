// p-norm distances between rows: of all pairs of two matrices, and of all pairs within one.

enum { norm_count = 0, norm_one = 1, norm_two = 2, norm_infinity = 3, norm_power = 4 };

DEVICE f32 power_of(f32 x, f32 p) { return powf(x, p); }
DEVICE f64 power_of(f64 x, f64 p) { return pow(x, p); }
DEVICE f32 square_root(f32 x) { return sqrtf(x); }
DEVICE f64 square_root(f64 x) { return sqrt(x); }
template <class T> DEVICE T magnitude(T x) { return x < 0 ? -x : x; }

template <class T, int norm> DEVICE T distance_added(T sum, T a, T b, T p) {
  const T d = magnitude(a - b);
  if (norm == norm_count) return sum + (T)(a != b);
  if (norm == norm_one) return sum + d;
  if (norm == norm_two) return sum + d * d;
  if (norm == norm_infinity) return d > sum || d != d ? d : sum;
  return sum + power_of(d, p);
}
template <class T, int norm> DEVICE T distance_of(T sum, T p) {
  if (norm == norm_two) return square_root(sum);
  return norm == norm_power ? power_of(sum, 1 / p) : sum;
}

// The position of the pair (i, j), i < j, among all pairs of `rows` rows.
DEVICE i64 pair_position(i64 rows, i64 i, i64 j) { return i * (2 * rows - i - 1) / 2 + j - i - 1; }

// Distances of the rows of a [batch, m, depth] from those of b [batch, n, depth]: y [batch, m, n]. With `pairs` a and b are one matrix and
// y holds the pairs i < j alone. A block computes 16 · 16 distances, with 32 columns at a time in shared memory. blockIdx.x: tiles of a
// batch member; blockIdx.y: members.
template <class T, int norm, bool pairs> __global__ void __launch_bounds__(256) row_distances(
    const T *__restrict__ a, const T *__restrict__ b, T *y, i64 batch, i64 m, i64 n, i64 depth, T p) {
  static __shared__ T left[16][33], right[16][33];
  // A power is a long way for each step: more of them at once would only need more registers.
  const int unrolled = norm == norm_power ? 1 : 8;
  const i64 column_tiles = (n + 15) / 16, tile_row = blockIdx.x / column_tiles, tile_column = blockIdx.x - tile_row * column_tiles;
  const int row = threadIdx.x >> 4, column = threadIdx.x & 15;
  const i64 i = tile_row * 16 + row, j = tile_column * 16 + column;
  if (pairs && tile_column < tile_row) return;
  for (i64 member = blockIdx.y; member < batch; member += gridDim.y) {
    T sum = 0;
    for (i64 start = 0; start < depth; start += 32) {
      __syncthreads();
#pragma unroll
      for (int k = threadIdx.x; k < 512; k += 256) {
        const int r = k >> 5, c = k & 31;
        const bool inside = start + c < depth;
        left[r][c] = inside && tile_row * 16 + r < m ? a[(member * m + tile_row * 16 + r) * depth + start + c] : (T)0;
        right[r][c] = inside && tile_column * 16 + r < n ? b[(member * n + tile_column * 16 + r) * depth + start + c] : (T)0;
      }
      __syncthreads();
#pragma unroll unrolled
      for (int c = 0; c < 32; c++) {
        sum = distance_added<T, norm>(sum, left[row][c], right[column][c], p);
      }
    }
    if (i < m && j < n && (!pairs || i < j)) y[pairs ? pair_position(n, i, j) : (member * m + i) * n + j] = distance_of<T, norm>(sum, p);
  }
}

// What one pair adds to the gradient of an element of its first row. Where several elements share the largest difference, `ties` of them
// share the gradient.
template <class T, int norm> DEVICE T distance_slope(T a, T b, T distance, T g, T p, T ties) {
  if (norm == norm_count || distance == 0) return 0;
  const T d = a - b, size = magnitude(d), sign = (T)((d > 0) - (d < 0));
  if (norm == norm_one) return sign * g;
  if (norm == norm_two) return g * d / distance;
  if (norm == norm_infinity) return size == distance ? sign * g / ties : (T)0;
  return size == 0 ? (T)0 : sign * power_of(size / distance, p - 1) * g;
}

// The gradient of a [batch, m, depth] from that of the distances [batch, m, n]; each thread one element.
template <class T, int norm> __global__ void __launch_bounds__(256) row_distances_backward(
    const T *__restrict__ a, const T *__restrict__ b, const T *__restrict__ distances, const T *__restrict__ gradient, T *da, i64 batch,
    i64 m, i64 n, i64 depth, T p) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= batch * m * depth) return;
  const i64 row = index / depth, k = index - row * depth;
  const T own = a[index], *other = b + row / m * n * depth + k;
  T sum = 0;
#pragma unroll 1
  for (i64 j = 0; j < n; j++)
    sum += distance_slope<T, norm>(own, other[j * depth], distances[row * n + j], gradient[row * n + j], p, 1);
  da[index] = sum;
}

// How many columns of each pair of rows have the largest difference; a warp for each pair.
template <class T> __global__ void __launch_bounds__(256) pair_ties(const T *__restrict__ x, const T *y, T *ties, i64 rows, i64 depth) {
  const i64 warp = ((i64)blockIdx.x * 256 + threadIdx.x) >> 5, i = warp / rows, j = warp - i * rows;
  const int lane = threadIdx.x & 31;
  const bool exists = i < j && i < rows;
  const i64 pair = exists ? pair_position(rows, i, j) : 0;
  i32 count = 0;
  if (exists)
    for (i64 k = lane; k < depth; k += 32) count += magnitude(x[i * depth + k] - x[j * depth + k]) == y[pair];
  count = warp_all(count, [](i32 a, i32 b) { return a + b; });
  if (exists && lane == 0) ties[pair] = (T)count;
}

// The gradient of x [rows, depth] from that of its pairs' distances. `ties`: of `pair_ties`, for the infinite norm.
template <class T, int norm> __global__ void __launch_bounds__(256) pair_distances_backward(
    const T *__restrict__ x, const T *__restrict__ distances, const T *__restrict__ gradient, const T *ties, T *dx, i64 rows, i64 depth,
    T p) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= rows * depth) return;
  const i64 i = index / depth, k = index - i * depth;
  const T own = x[index];
  T sum = 0;
  for (i64 j = 0; j < rows; j++) {
    if (j == i) continue;
    const i64 pair = i < j ? pair_position(rows, i, j) : pair_position(rows, j, i);
    sum += distance_slope<T, norm>(own, x[j * depth + k], distances[pair], gradient[pair], p, norm == norm_infinity ? ties[pair] : (T)1);
  }
  dx[index] = sum;
}
