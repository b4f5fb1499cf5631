// Convolutions over up to three spatial dimensions as matrix products whose left operand is gathered where it lies (implicit GEMM).
//
// All three passes have one shape: result[row, column] = sum over depth of gathered[row, depth] * matrix[depth, column].
//   forward         rows: output positions; depth: (input channel, tap); columns: output channels; gathered: input; matrix: weight
//   input gradient  rows: input positions; depth: (output channel, tap); columns: input channels; gathered: output's gradient
//   weight gradient rows: (input channel, tap); depth: output positions; columns: output channels; matrix: output's gradient
// A place in the gathered operand is that of a position plus that of a tap, so either half comes from a table in shared memory.
//
// The input gradient of a strided convolution falls apart into phases: positions that leave the same remainder by the stride meet the
// same taps, and within a phase it is a convolution of stride 1.

struct ConvolutionPass {
  i64 batch;
  i64 gathered_batch, gathered_channel, gathered_spatial[3];  // element strides
  i64 position_batch, position_spatial[3];  // of the operand that positions also index: the result; in the weight gradient the matrix
  i64 tap_channel, tap_spatial[3];          // of the operand that taps also index: the weight or its gradient
  i64 matrix_column, result_column;
  i64 gathered_group, matrix_group, result_group;
  i64 result_count;   // elements of the result, which is dense where splits > 1
  i32 positions[3];   // of the output; of the input in its gradient
  i32 kernel[3];
  i32 extents[3];     // of the gathered operand
  i32 stride[3], padding[3], dilation[3];
  i32 period[3];      // stride / gcd(stride, dilation)
  i32 phases[3];      // strides, as far as there are positions; 1 unless transposed
  i32 groups;
  i32 channels;       // of the gathered operand, in a group
  i32 columns;        // of a group
  i32 splits;         // of the depth
  i32 is_transposed;  // the input gradient
  i32 channels_last;  // neighbours in the gathered operand are channels
  i32 matrix_along_columns;
  i32 unused;
};

// What the positions of one phase have in common, per dimension.
struct ConvolutionPhase {
  i32 positions[3], taps[3];
  i32 start[3], move[3], tap_move[3];  // place in the gathered operand: start + position * move + tap * tap_move
  i32 first[3];                        // the place among all positions: first + position * pass.stride, if transposed
  i32 first_tap[3], tap_period[3];     // the place in the kernel: first_tap + tap * tap_period
};

struct ConvolutionPoint {
  i64 offset;  // in the gathered operand
  i64 other;   // in the other operand
  i32 at[3];   // in the gathered operand; the sum of two points' is checked against its extents
  i32 is_valid;
};

// Added to any place, it lies outside.
static const i32 convolution_outside = (i32)0x80000000;

DEVICE void convolution_phase(const ConvolutionPass &pass, int d, i32 first, ConvolutionPhase &phase) {
  phase.first[d] = first;
  if (!pass.is_transposed) {
    phase.positions[d] = pass.positions[d];
    phase.taps[d] = pass.kernel[d];
    phase.start[d] = -pass.padding[d];
    phase.move[d] = pass.stride[d];
    phase.tap_move[d] = pass.dilation[d];
    phase.first_tap[d] = 0;
    phase.tap_period[d] = 1;
    return;
  }
  const i32 stride = pass.stride[d], kernel = pass.kernel[d], period = pass.period[d];
  const i64 shifted = (i64)first + pass.padding[d];
  i32 tap = 0;
  while (tap < period && tap < kernel && (shifted - (i64)tap * pass.dilation[d]) % stride != 0) tap++;
  const bool meets = tap < period && tap < kernel;
  phase.positions[d] = (pass.positions[d] - first + stride - 1) / stride;
  phase.taps[d] = meets ? (kernel - tap + period - 1) / period : 0;
  phase.start[d] = (i32)((shifted - (i64)tap * pass.dilation[d]) / stride);
  phase.move[d] = 1;
  phase.tap_move[d] = -(i32)((i64)period * pass.dilation[d] / stride);
  phase.first_tap[d] = tap;
  phase.tap_period[d] = period;
}

DEVICE i32 convolution_place(const ConvolutionPass &pass, const ConvolutionPhase &phase, int d, i32 position) {
  return pass.is_transposed ? phase.first[d] + position * pass.stride[d] : position;
}

DEVICE ConvolutionPoint convolution_position(const ConvolutionPass &pass, const ConvolutionPhase &phase, u32 position, i64 item) {
  const u32 row = position / (u32)phase.positions[2];
  const i32 p[3] = {
    (i32)(row / (u32)phase.positions[1]), (i32)(row % (u32)phase.positions[1]), (i32)(position - row * (u32)phase.positions[2])};
  ConvolutionPoint point;
  point.offset = item * pass.gathered_batch;
  point.other = item * pass.position_batch;
  point.is_valid = 1;
#pragma unroll
  for (int d = 0; d < 3; d++) {
    point.at[d] = phase.start[d] + p[d] * phase.move[d];
    point.offset += point.at[d] * pass.gathered_spatial[d];
    point.other += convolution_place(pass, phase, d, p[d]) * pass.position_spatial[d];
  }
  return point;
}

DEVICE ConvolutionPoint convolution_tap(const ConvolutionPass &pass, const ConvolutionPhase &phase, u32 tap, i64 channel) {
  const u32 row = tap / (u32)phase.taps[2];
  const i32 t[3] = {(i32)(row / (u32)phase.taps[1]), (i32)(row % (u32)phase.taps[1]), (i32)(tap - row * (u32)phase.taps[2])};
  ConvolutionPoint point;
  point.offset = channel * pass.gathered_channel;
  point.other = channel * pass.tap_channel;
  point.is_valid = 1;
#pragma unroll
  for (int d = 0; d < 3; d++) {
    point.at[d] = t[d] * phase.tap_move[d];
    point.offset += point.at[d] * pass.gathered_spatial[d];
    point.other += (phase.first_tap[d] + t[d] * phase.tap_period[d]) * pass.tap_spatial[d];
  }
  return point;
}

// Walks positions of all items, or taps of all channels (taps innermost, or channels where those are neighbours), in steps.
struct ConvolutionWalk {
  u32 inner, inner_extent;
  i64 outer, left;  // left: until the end

  DEVICE ConvolutionWalk(i64 index, i64 end, u32 extent) : inner_extent(extent), left(end - index) {
    outer = left > 0 ? index / extent : 0;
    inner = left > 0 ? (u32)(index - outer * extent) : 0;
  }
  DEVICE void advance(u32 step) {
    left -= step;
    if (left <= 0) return;
    inner += step;
    const u32 carried = inner / inner_extent;
    outer += carried;
    inner -= carried * inner_extent;
  }
  DEVICE ConvolutionPoint point(const ConvolutionPass &pass, const ConvolutionPhase &phase, bool is_tap) const {
    if (left <= 0) return ConvolutionPoint{0, 0, {convolution_outside, 0, 0}, 0};
    if (!is_tap) return convolution_position(pass, phase, inner, outer);
    return pass.channels_last ? convolution_tap(pass, phase, (u32)outer, inner) : convolution_tap(pass, phase, inner, outer);
  }
};

DEVICE bool convolution_inside(const ConvolutionPass &pass, const ConvolutionPoint &a, const ConvolutionPoint &b) {
  return (u32)a.at[0] + (u32)b.at[0] < (u32)pass.extents[0] && (u32)a.at[1] + (u32)b.at[1] < (u32)pass.extents[1] &&
         (u32)a.at[2] + (u32)b.at[2] < (u32)pass.extents[2];
}

enum ConvolutionOrder {
  convolution_positions,                // rows are positions, and neighbouring threads load neighbouring positions
  convolution_positions_channels_last,  // rows are positions, and neighbouring threads load neighbouring channels
  convolution_weight,                   // rows are taps
};

// A block computes `rows_tile` x `columns_tile` of a result with 16 x 16 threads; blockIdx.x counts row tiles, y column tiles, z phases,
// groups and splits. Tiles and the table of the depth are double buffered: loads of the next tile are under way during the products.
template <class T, int rows_tile, int columns_tile, int order>
__global__ void __launch_bounds__(256) convolution_tiled(
  const T *gathered, const T *matrix, const T *bias, T *result, compute_t<T> *partial, ConvolutionPass pass) {
  typedef compute_t<T> C;
  static const int depth_tile = 16, threads = 256;
  static const int row_loads = rows_tile * depth_tile / threads, column_loads = columns_tile * depth_tile / threads;
  static const int thread_rows = rows_tile / 16, thread_columns = columns_tile / 16;
  static const bool is_weight = order == convolution_weight, along_depth = order != convolution_positions;
  __shared__ __align__(32) C row_tile[2][depth_tile][rows_tile + 4];
  __shared__ __align__(32) C column_tile[2][depth_tile][columns_tile + 4];
  __shared__ ConvolutionPoint row_points[rows_tile], depth_points[2][depth_tile];
  __shared__ ConvolutionPhase phase;
  const int thread = threadIdx.x, across = thread & 15, down = thread >> 4;
  // The last threads fill the table of the depth.
  const int decoder = thread - (threads - depth_tile);
  const int first_column = blockIdx.y * columns_tile;
  const i64 phases = (i64)pass.phases[0] * pass.phases[1] * pass.phases[2];
  const int column_of = pass.matrix_along_columns ? thread % columns_tile : thread / depth_tile;
  const int column_depth = pass.matrix_along_columns ? thread / columns_tile : thread % depth_tile;
  const int column_step = pass.matrix_along_columns ? 0 : threads / depth_tile;
  const int column_depth_step = pass.matrix_along_columns ? threads / columns_tile : 0;

  const i64 units = phases * pass.groups * pass.splits;
  for (i64 unit = blockIdx.z; unit < units; unit += gridDim.z) {
    const int split = (int)(unit % pass.splits), group = (int)(unit / pass.splits % pass.groups);
    __syncthreads();
    if (thread < 3) {
      i64 first = unit / pass.splits / pass.groups;
      for (int d = 2; d > thread; d--) first /= pass.phases[d];
      convolution_phase(pass, thread, (i32)(first % pass.phases[thread]), phase);
    }
    __syncthreads();
    const u32 plane = (u32)phase.positions[0] * phase.positions[1] * phase.positions[2];
    const u32 taps = (u32)phase.taps[0] * phase.taps[1] * phase.taps[2];
    const i64 all_positions = pass.batch * plane, all_taps = (i64)pass.channels * taps;
    const i64 rows = is_weight ? all_taps : all_positions, depth = is_weight ? all_positions : all_taps;
    const u32 tap_extent = pass.channels_last ? (u32)pass.channels : taps;
    const i64 first_row = (i64)blockIdx.x * rows_tile;
    if (first_row >= rows) continue;
    const i64 chunk = ((depth + pass.splits - 1) / pass.splits + depth_tile - 1) / depth_tile * depth_tile;
    const i64 begin = chunk * split, end = begin + chunk < depth ? begin + chunk : depth;
    const int tiles = begin < end ? (int)((end - begin + depth_tile - 1) / depth_tile) : 0;

    if (thread < rows_tile)
      row_points[thread] = ConvolutionWalk(first_row + thread, rows, is_weight ? tap_extent : plane).point(pass, phase, is_weight);
    ConvolutionWalk walk(begin + (decoder < 0 ? 0 : decoder), end, is_weight ? plane : tap_extent);
    if (decoder >= 0 && tiles > 0) {
      depth_points[0][decoder] = walk.point(pass, phase, !is_weight);
      walk.advance(depth_tile);
      depth_points[1][decoder] = walk.point(pass, phase, !is_weight);
      walk.advance(depth_tile);
    }
    __syncthreads();

    const T *from = gathered + group * pass.gathered_group, *other = matrix + group * pass.matrix_group;
    C row_values[row_loads], column_values[column_loads];
    const auto load_tile = [&](const ConvolutionPoint *points) {
#pragma unroll
      for (int i = 0; i < row_loads; i++) {
        const int row = along_depth ? thread / depth_tile + i * (threads / depth_tile) : thread % rows_tile;
        const int at = along_depth ? thread % depth_tile : thread / rows_tile + i * (threads / rows_tile);
        const ConvolutionPoint &a = row_points[row], &b = points[at];
        row_values[i] = convolution_inside(pass, a, b) ? load(from[a.offset + b.offset]) : (C)0;
      }
#pragma unroll
      for (int i = 0; i < column_loads; i++) {
        const int column = first_column + column_of + i * column_step;
        const ConvolutionPoint &b = points[column_depth + i * column_depth_step];
        column_values[i] = b.is_valid && column < pass.columns ? load(other[b.other + column * pass.matrix_column]) : (C)0;
      }
    };
    const auto store_tile = [&](int buffer) {
#pragma unroll
      for (int i = 0; i < row_loads; i++) {
        const int row = along_depth ? thread / depth_tile + i * (threads / depth_tile) : thread % rows_tile;
        const int at = along_depth ? thread % depth_tile : thread / rows_tile + i * (threads / rows_tile);
        row_tile[buffer][at][row] = row_values[i];
      }
#pragma unroll
      for (int i = 0; i < column_loads; i++)
        column_tile[buffer][column_depth + i * column_depth_step][column_of + i * column_step] = column_values[i];
    };

    C sums[thread_rows][thread_columns];
#pragma unroll
    for (int i = 0; i < thread_rows; i++)
#pragma unroll
      for (int j = 0; j < thread_columns; j++) sums[i][j] = (C)0;
    if (tiles > 0) {
      load_tile(depth_points[0]);
      store_tile(0);
    }
    __syncthreads();
    for (int tile = 0; tile < tiles; tile++) {
      const int buffer = tile & 1;
      if (tile + 1 < tiles) load_tile(depth_points[buffer ^ 1]);
      if (decoder >= 0 && tile + 2 < tiles) {
        depth_points[buffer][decoder] = walk.point(pass, phase, !is_weight);
        walk.advance(depth_tile);
      }
#pragma unroll
      for (int k = 0; k < depth_tile; k++) {
        Vector<C, 4> a[thread_rows / 4], b[thread_columns / 4];
#pragma unroll
        for (int i = 0; i < thread_rows / 4; i++) a[i] = *(const Vector<C, 4> *)&row_tile[buffer][k][across * 4 + i * 64];
#pragma unroll
        for (int j = 0; j < thread_columns / 4; j++) b[j] = *(const Vector<C, 4> *)&column_tile[buffer][k][down * 4 + j * 64];
#pragma unroll
        for (int i = 0; i < thread_rows; i++)
#pragma unroll
          for (int j = 0; j < thread_columns; j++) sums[i][j] += a[i / 4].at[i % 4] * b[j / 4].at[j % 4];
      }
      if (tile + 1 < tiles) store_tile(buffer ^ 1);
      __syncthreads();
    }

#pragma unroll
    for (int i = 0; i < thread_rows; i++) {
      const ConvolutionPoint &point = row_points[across * 4 + i / 4 * 64 + i % 4];
      if (!point.is_valid) continue;
#pragma unroll
      for (int j = 0; j < thread_columns; j++) {
        const int column = first_column + down * 4 + j / 4 * 64 + j % 4;
        if (column >= pass.columns) continue;
        const i64 offset = group * pass.result_group + point.other + column * pass.result_column;
        if (pass.splits > 1) partial[split * pass.result_count + offset] = sums[i][j];
        else result[offset] = store<T>(bias ? sums[i][j] + load(bias[group * pass.columns + column]) : sums[i][j]);
      }
    }
  }
}

// The sums of the splits, in their order.
template <class T> __global__ void __launch_bounds__(256)
convolution_combine(const compute_t<T> *partial, T *result, i64 count, i32 splits) {
  const i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= count) return;
  compute_t<T> sum = partial[i];
  for (int split = 1; split < splits; split++) sum += partial[split * count + i];
  result[i] = store<T>(sum);
}

// Forward and input gradient for groups of few columns (depthwise convolutions): a thread an element. blockIdx.y: items of the batch.
template <class T> __global__ void __launch_bounds__(256)
convolution_direct(const T *gathered, const T *matrix, const T *bias, T *result, ConvolutionPass pass) {
  typedef compute_t<T> C;
  const u32 plane = (u32)pass.positions[0] * pass.positions[1] * pass.positions[2];
  const u32 all_columns = (u32)pass.groups * pass.columns;
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= (i64)plane * all_columns) return;
  const u32 place = (u32)(pass.channels_last ? index / all_columns : index % plane);
  const u32 channel = (u32)(pass.channels_last ? index % all_columns : index / plane);
  const u32 group = channel / (u32)pass.columns, column = channel - group * (u32)pass.columns;
  const u32 row = place / (u32)pass.positions[2];
  const i32 q[3] = {
    (i32)(row / (u32)pass.positions[1]), (i32)(row % (u32)pass.positions[1]), (i32)(place - row * (u32)pass.positions[2])};
  ConvolutionPhase phase;
  i32 start[3];
  i64 target = group * pass.result_group + column * pass.result_column;
#pragma unroll
  for (int d = 0; d < 3; d++) {
    const i32 position = pass.is_transposed ? q[d] / pass.stride[d] : q[d];
    convolution_phase(pass, d, pass.is_transposed ? q[d] - position * pass.stride[d] : 0, phase);
    start[d] = phase.start[d] + position * phase.move[d];
    target += q[d] * pass.position_spatial[d];
  }
  for (i64 item = blockIdx.y; item < pass.batch; item += gridDim.y) {
    C sum = bias ? load(bias[channel]) : (C)0;
    const T *from = gathered + item * pass.gathered_batch + group * pass.gathered_group;
    const T *weight = matrix + group * pass.matrix_group + column * pass.matrix_column;
    for (int c = 0; c < pass.channels; c++, from += pass.gathered_channel, weight += pass.tap_channel)
      for (int t0 = 0; t0 < phase.taps[0]; t0++) {
        const i32 z = start[0] + t0 * phase.tap_move[0];
        if ((u32)z >= (u32)pass.extents[0]) continue;
        for (int t1 = 0; t1 < phase.taps[1]; t1++) {
          const i32 y = start[1] + t1 * phase.tap_move[1];
          if ((u32)y >= (u32)pass.extents[1]) continue;
          const T *line = from + z * pass.gathered_spatial[0] + y * pass.gathered_spatial[1];
          const T *taps = weight + (phase.first_tap[0] + t0 * phase.tap_period[0]) * pass.tap_spatial[0] +
                          (phase.first_tap[1] + t1 * phase.tap_period[1]) * pass.tap_spatial[1];
          for (int t2 = 0; t2 < phase.taps[2]; t2++) {
            const i32 x = start[2] + t2 * phase.tap_move[2];
            if ((u32)x < (u32)pass.extents[2])
              sum += load(line[x * pass.gathered_spatial[2]]) *
                     load(taps[(phase.first_tap[2] + t2 * phase.tap_period[2]) * pass.tap_spatial[2]]);
          }
        }
      }
    result[item * pass.position_batch + target] = store<T>(sum);
  }
}

// The weight gradient for groups of few columns: a block an element.
template <class T> __global__ void __launch_bounds__(256)
convolution_weight_direct(const T *gathered, const T *matrix, T *result, ConvolutionPass pass) {
  typedef compute_t<T> C;
  __shared__ C scratch[32];
  const u32 taps = (u32)pass.kernel[0] * pass.kernel[1] * pass.kernel[2];
  const u32 plane = (u32)pass.positions[0] * pass.positions[1] * pass.positions[2];
  const i64 rows = (i64)pass.channels * taps;
  ConvolutionPhase phase;
#pragma unroll
  for (int d = 0; d < 3; d++) convolution_phase(pass, d, 0, phase);
  const i64 row = blockIdx.x % rows, above = blockIdx.x / rows;
  const i64 group = above / pass.columns, column = above - group * pass.columns;
  const ConvolutionPoint tap = convolution_tap(pass, phase, (u32)(row % taps), row / taps);
  const T *from = gathered + group * pass.gathered_group + tap.offset;
  const T *other = matrix + group * pass.matrix_group + column * pass.matrix_column;
  C sum = (C)0;
  for (ConvolutionWalk walk(threadIdx.x, pass.batch * plane, plane); walk.left > 0; walk.advance(256)) {
    const ConvolutionPoint position = convolution_position(pass, phase, walk.inner, walk.outer);
    if (convolution_inside(pass, position, tap)) sum += load(from[position.offset]) * load(other[position.other]);
  }
  sum = block_all(sum, [](C a, C b) { return a + b; }, (C)0, scratch);
  if (threadIdx.x == 0) result[group * pass.result_group + tap.other + column * pass.result_column] = store<T>(sum);
}

// The bias gradient: sums of the output's gradient over items and positions. blockIdx.x: channels, y: splits.
template <class T> __global__ void __launch_bounds__(512) convolution_bias(
  const T *gradient, T *result, compute_t<T> *partial, i64 batch_stride, i64 channel_stride, i64 stride0, i64 stride1, i64 stride2,
  i64 batch, i32 extent0, i32 extent1, i32 extent2) {
  typedef compute_t<T> C;
  __shared__ C scratch[32];
  const u32 plane = (u32)extent0 * extent1 * extent2;
  const bool is_line = stride1 == stride2 * extent2 && (extent0 == 1 || stride0 == stride1 * extent1);
  const T *from = gradient + blockIdx.x * channel_stride;
  const u32 step = 512 * gridDim.y;
  C sum = (C)0;
  for (ConvolutionWalk walk(blockIdx.y * 512 + threadIdx.x, batch * plane, plane); walk.left > 0; walk.advance(step)) {
    i64 offset = walk.outer * batch_stride;
    if (is_line) {
      offset += walk.inner * stride2;
    } else {
      const u32 row = walk.inner / (u32)extent2;
      offset += row / (u32)extent1 * stride0 + row % (u32)extent1 * stride1 + (walk.inner - row * (u32)extent2) * stride2;
    }
    sum += load(from[offset]);
  }
  sum = block_all(sum, [](C a, C b) { return a + b; }, (C)0, scratch);
  if (threadIdx.x) return;
  if (gridDim.y > 1) partial[(i64)blockIdx.y * gridDim.x + blockIdx.x] = sum;
  else result[blockIdx.x] = store<T>(sum);
}

// Adds a bias to a dense result, in place. `run`: elements of a channel that lie together; N: elements of one access, which all lie within
// `count`, a multiple of N.
template <class T, int N> __global__ void __launch_bounds__(256)
convolution_add_bias(T *result, const T *bias, i64 count, i64 run, i32 channels) {
  const i64 start = ((i64)blockIdx.x * 256 + threadIdx.x) * N;
  if (start >= count) return;
  const i64 line = start / run;
  i64 within = start - line * run;
  i32 channel = (i32)(line % channels);
  Vector<T, N> values = *(const Vector<T, N> *)(result + start);
#pragma unroll
  for (int i = 0; i < N; i++) {
    values.at[i] = store<T>(load(values.at[i]) + load(bias[channel]));
    if (++within == run) {
      within = 0;
      if (++channel == channels) channel = 0;
    }
  }
  *(Vector<T, N> *)(result + start) = values;
}
