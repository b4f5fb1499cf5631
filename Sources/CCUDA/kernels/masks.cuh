// Masks: counting and finding elements that are not zero, and reading where a mask holds.
//
// The order is row-major: each tile of elements counts its own, a scan turns counts into places, then each tile writes from its place on.

static const int tile_rounds = 16;                   // of 32 elements, by each warp
static const int tile_elements = 8 * 32 * tile_rounds;  // by the 8 warps of a block

template <class T> DEVICE bool is_nonzero(T x) { return x != (T)0; }
DEVICE bool is_nonzero(f16 x) { return (x.bits & 0x7fff) != 0; }
DEVICE bool is_nonzero(bf16 x) { return (x.bits & 0x7fff) != 0; }
DEVICE bool is_nonzero(e4m3fn x) { return (x.bits & 0x7f) != 0; }
DEVICE bool is_nonzero(e5m2 x) { return (x.bits & 0x7f) != 0; }
DEVICE bool is_nonzero(e4m3fnuz x) { return x.bits != 0; }
DEVICE bool is_nonzero(e5m2fnuz x) { return x.bits != 0; }
template <class R> DEVICE bool is_nonzero(complex<R> x) { return is_nonzero(x.re) || is_nonzero(x.im); }

// How many of a dense operand's elements are not zero, added to `total`. N elements make one access.
template <class T, int N> __global__ void __launch_bounds__(256) count_nonzero_dense(const T *x, i64 count, u64 *total) {
  static __shared__ i64 scratch[32];
  const i64 vectors = count / N, step = (i64)gridDim.x * 256;
  i64 found = 0;
  i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  for (; i + 3 * step < vectors; i += 4 * step) {
    Vector<T, N> values[4];
#pragma unroll
    for (int k = 0; k < 4; k++) values[k] = ((const Vector<T, N> *)x)[i + k * step];
#pragma unroll
    for (int k = 0; k < 4; k++)
#pragma unroll
      for (int e = 0; e < N; e++) found += is_nonzero(values[k].at[e]);
  }
  for (; i < vectors; i += step) {
    const Vector<T, N> values = ((const Vector<T, N> *)x)[i];
#pragma unroll
    for (int e = 0; e < N; e++) found += is_nonzero(values.at[e]);
  }
  if (blockIdx.x == 0 && threadIdx.x < count - vectors * N) found += is_nonzero(x[vectors * N + threadIdx.x]);
  found = block_all(found, [](i64 a, i64 b) { return a + b; }, (i64)0, scratch);
  if (threadIdx.x == 0 && found) atomicAdd(total, (u64)found);
}

// Which of the 32 elements that a warp looks at in each round are not zero.
template <class T, int N> DEVICE void vote_on_tile(const Layout<N> &layout, i64 count, const T *mask, i64 tile, u32 *votes) {
  const i64 first = tile * tile_elements + (threadIdx.x >> 5) * (32 * tile_rounds) + (threadIdx.x & 31);
  bool holds[tile_rounds];
#pragma unroll
  for (int round = 0; round < tile_rounds; round++) {
    holds[round] = false;
    const i64 position = first + round * 32;
    if (position < count) {
      i64 offsets[N];
      layout.offsets((u32)position, offsets);
      holds[round] = is_nonzero(mask[offsets[0]]);
    }
  }
#pragma unroll
  for (int round = 0; round < tile_rounds; round++) votes[round] = __ballot_sync(full_warp, holds[round]);
}

DEVICE i64 votes_count(const u32 *votes) {
  int found = 0;
#pragma unroll
  for (int round = 0; round < tile_rounds; round++) found += __popc(votes[round]);
  return found;
}

// The number of elements of each tile that are not zero.
template <class T> __global__ void __launch_bounds__(256) count_nonzero_tiles(Layout<1> layout, i64 count, const T *x, i64 *counts) {
  static __shared__ i64 warps[8];
  u32 votes[tile_rounds];
  vote_on_tile<T, 1>(layout, count, x, blockIdx.x, votes);
  if ((threadIdx.x & 31) == 0) warps[threadIdx.x >> 5] = votes_count(votes);
  __syncthreads();
  if (threadIdx.x) return;
  i64 found = 0;
  for (int warp = 0; warp < 8; warp++) found += warps[warp];
  counts[blockIdx.x] = found;
}

// Counts become the numbers before them, by one block; the total goes to counts[n].
template <class Unused> __global__ void __launch_bounds__(1024) place_tiles(i64 *counts, i64 n) {
  static __shared__ i64 warps[32];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  i64 before = 0;
  for (i64 start = 0; start < n; start += 1024) {
    const i64 own = start + threadIdx.x < n ? counts[start + threadIdx.x] : 0;
    i64 sum = own;
#pragma unroll
    for (int distance = 1; distance < 32; distance <<= 1) {
      const i64 other = __shfl_up_sync(full_warp, sum, distance);
      if (lane >= distance) sum += other;
    }
    __syncthreads();
    if (lane == 31) warps[warp] = sum;
    __syncthreads();
    i64 below = 0, all = 0;
    for (int k = 0; k < 32; k++) {
      if (k < warp) below += warps[k];
      all += warps[k];
    }
    if (start + threadIdx.x < n) counts[start + threadIdx.x] = before + below + sum - own;
    before += all;
  }
  if (threadIdx.x == 0) counts[n] = before;
}

// Calls `body(position, place)` for every element of the tile that is not zero.
template <class T, int N, class F> DEVICE void for_nonzero(
    const Layout<N> &layout, i64 count, const T *mask, const i64 *places, F body) {
  static __shared__ i64 warps[8];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  u32 votes[tile_rounds];
  vote_on_tile<T, N>(layout, count, mask, blockIdx.x, votes);
  if (lane == 0) warps[warp] = votes_count(votes);
  __syncthreads();
  i64 place = places[blockIdx.x];
  for (int k = 0; k < warp; k++) place += warps[k];
  const i64 first = (i64)blockIdx.x * tile_elements + warp * (32 * tile_rounds) + lane;
#pragma unroll
  for (int round = 0; round < tile_rounds; round++) {
    if (votes[round] >> lane & 1) body(first + round * 32, place + __popc(votes[round] & ((1u << lane) - 1)));
    place += __popc(votes[round]);
  }
}

// Where a piece of a tensor begins.
struct Origin {
  i64 at[maximum_rank];
};

// Coordinates of the elements that are not zero, at most `limit` of them, [limit, rank]. The layout is that of the whole rank.
template <class T> __global__ void __launch_bounds__(256) write_nonzero(
    Layout<1> layout, i64 count, const T *x, const i64 *places, Origin origin, i64 limit, i64 *out) {
  for_nonzero<T, 1>(layout, count, x, places, [&](i64 position, i64 place) {
    if (place >= limit) return;
    i64 *row = out + place * layout.rank;
    u32 index = (u32)position;
#pragma unroll
    for (int d = maximum_rank - 1; d >= 0; d--) {
      if (d >= layout.rank) continue;
      const u32 quotient = (u32)(((u64)__umulhi(index, layout.multipliers[d]) + index) >> layout.shifts[d]);
      row[d] = origin.at[d] + (i64)(index - quotient * layout.extents[d]);
      index = quotient;
    }
  });
}

// The elements where the mask holds, at most `limit` of them. Operands of the layout: mask, x.
template <class T> __global__ void __launch_bounds__(256) select_masked(
    Layout<2> layout, i64 count, const bool *mask, const T *x, const i64 *places, i64 limit, T *out) {
  for_nonzero<bool, 2>(layout, count, mask, places, [&](i64 position, i64 place) {
    if (place >= limit) return;
    i64 offsets[2];
    layout.offsets((u32)position, offsets);
    out[place] = x[offsets[1]];
  });
}
