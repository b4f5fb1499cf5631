// Stable sorting along the middle dimension of dense [outer, count, inner], and what comes first in that order (topk).
//
// An element becomes an unsigned key whose order is that of the elements: NaN above everything, -0 equal to +0, all bits turned for
// descending order. Keys are sorted together with positions, and values are fetched from the input at the end, so that every bit of them
// stays. Short rows are sorted in shared memory, by a bitonic network over (key, position), in which no two entries are equal; longer
// ones by a radix sort from the lowest digit up.

template <class T> struct SortKey;
// `bits`: how many a key has.
#define INTEGER_KEY(T, K, width, expression)                               \
  template <> struct SortKey<T> {                                          \
    typedef K type;                                                        \
    static const int bits = width;                                         \
    static DEVICE K of(T x) { return (K)(expression); }                    \
  };
INTEGER_KEY(bool, u32, 8, x ? 1 : 0)
INTEGER_KEY(u8, u32, 8, x)
INTEGER_KEY(i8, u32, 8, (i32)x + 128)
INTEGER_KEY(i16, u32, 16, (i32)x + 32768)
INTEGER_KEY(u16, u32, 16, x)
INTEGER_KEY(i32, u32, 32, (u32)x ^ 0x80000000u)
INTEGER_KEY(u32, u32, 32, x)
INTEGER_KEY(i64, u64, 64, (u64)x ^ (u64)INT64_MIN)
INTEGER_KEY(u64, u64, 64, x)

// The magnitudes of negative numbers run backwards, so their bits are all turned; positive ones get the top bit.
template <class K, int width> DEVICE K floating_key(K bits, K infinity) {
  const K top = (K)1 << (width - 1), all = top | (top - 1), magnitude = bits & (top - 1);
  if (magnitude > infinity) return all;
  if (magnitude == 0) return top;
  return bits & top ? all & ~bits : bits | top;
}
template <> struct SortKey<f16> {
  typedef u32 type;
  static const int bits = 16;
  static DEVICE u32 of(f16 x) { return floating_key<u32, 16>(x.bits, 0x7c00); }
};
template <> struct SortKey<bf16> {
  typedef u32 type;
  static const int bits = 16;
  static DEVICE u32 of(bf16 x) { return floating_key<u32, 16>(x.bits, 0x7f80); }
};
template <> struct SortKey<f32> {
  typedef u32 type;
  static const int bits = 32;
  static DEVICE u32 of(f32 x) { return floating_key<u32, 32>(float_to_bits(x), 0x7f800000); }
};
template <> struct SortKey<f64> {
  typedef u64 type;
  static const int bits = 64;
  static DEVICE u64 of(f64 x) { return floating_key<u64, 64>((u64)__double_as_longlong(x), (u64)0x7ff << 52); }
};
template <class T> using sort_key_t = typename SortKey<T>::type;

template <class T> DEVICE sort_key_t<T> sort_key(T x, bool descending) {
  typedef sort_key_t<T> K;
  const K key = SortKey<T>::of(x), top = (K)1 << (SortKey<T>::bits - 1);
  return descending ? key ^ (top | (top - 1)) : key;
}

// Element offset of a row's first element, where rows have `count` elements `inner` apart.
DEVICE i64 row_offset(i64 row, i64 count, i64 inner) { return inner == 1 ? row * count : row / inner * count * inner + row % inner; }

// MARK: - Short rows

// A key of up to 32 bits and a position in one word, or in two.
struct SortEntry {
  u64 key, position;
};
DEVICE bool comes_after(u64 a, u64 b) { return a > b; }
DEVICE bool comes_after(SortEntry a, SortEntry b) { return a.key > b.key || (a.key == b.key && a.position > b.position); }
DEVICE u32 position_of(u64 entry) { return (u32)entry; }
DEVICE u32 position_of(SortEntry entry) { return (u32)entry.position; }
template <class K> struct EntryOf { typedef u64 type; };
template <> struct EntryOf<u64> { typedef SortEntry type; };
DEVICE void make_entry(u64 &entry, u32 key, u32 position) { entry = (u64)key << 32 | position; }
DEVICE void make_entry(SortEntry &entry, u64 key, u32 position) { entry = SortEntry{key, position}; }

// A bitonic network over each run of `width` entries of `total`, powers of two.
template <class Entry> DEVICE void sort_entries(Entry *entries, int width, int total) {
  for (int k = 2; k <= width; k <<= 1)
    for (int j = k >> 1; j; j >>= 1) {
      __syncthreads();
      for (int pair = threadIdx.x; pair < total / 2; pair += blockDim.x) {
        const int i = 2 * pair - (pair & (j - 1));
        const Entry a = entries[i], b = entries[i + j];
        if (comes_after(a, b) == ((i & (width - 1) & k) == 0)) entries[i] = b, entries[i + j] = a;
      }
    }
  __syncthreads();
}

// Rows of up to 2^bits elements, as many in a block as make two entries a thread. The first `kept` of each are written.
template <class T> __global__ void __launch_bounds__(1024) sort_short_rows(
    const T *x, T *values, i64 *indices, i64 rows, i64 count, i64 inner, i64 kept, i32 descending, i32 bits) {
  typedef typename EntryOf<sort_key_t<T>>::type Entry;
  DYNAMIC_SHARED(Entry, entries);
  const int width = 1 << bits, total = 2 * blockDim.x;
  const i64 first_row = (i64)blockIdx.x * (total >> bits);
  for (int i = threadIdx.x; i < total; i += blockDim.x) {
    const i64 row = first_row + (i >> bits);
    const int position = i & (width - 1);
    // What fills a row up comes after everything, as its position is beyond the row.
    sort_key_t<T> key = (sort_key_t<T>)-1;
    if (row < rows && position < count) key = sort_key(x[row_offset(row, count, inner) + position * inner], descending);
    make_entry(entries[i], key, position);
  }
  sort_entries(entries, width, total);
  for (int i = threadIdx.x; i < total; i += blockDim.x) {
    const i64 row = first_row + (i >> bits);
    const int rank = i & (width - 1);
    if (row >= rows || rank >= kept) continue;
    const u32 position = position_of(entries[i]);
    const i64 at = row_offset(row, kept, inner) + rank * inner;
    values[at] = x[row_offset(row, count, inner) + position * inner];
    indices[at] = position;
  }
}

// MARK: - The first few of long rows

// A block to a row. The entry of rank `kept` is found digit by digit from the top, first of the key and then of the position, each pass
// counting the entries that share the digits found so far, until all of these are among the first. What is not behind it, `kept` entries
// in any order, is then sorted; `bits`: their number is at most 2^bits.
template <class T> __global__ void __launch_bounds__(1024) select_rows(
    const T *x, T *values, i64 *indices, i64 count, i64 inner, i64 kept, i32 descending, i32 bits) {
  typedef sort_key_t<T> K;
  typedef typename EntryOf<K>::type Entry;
  DYNAMIC_SHARED(Entry, entries);
  __shared__ u32 counts[8][256];  // in eight copies, as lanes that count the same digit wait for each other
  __shared__ u32 found[3];        // digit, entries with lower ones, entries with this one
  __shared__ u32 taken;
  const int lane = threadIdx.x & 31, width = 1 << bits;
  const T *row = x + row_offset(blockIdx.x, count, inner);
  for (int i = threadIdx.x; i < width; i += blockDim.x) make_entry(entries[i], (K)-1, 0xffffffffu);
  if (threadIdx.x == 0) taken = 0;
  K key_prefix = 0, key_mask = 0;
  u32 position_prefix = 0, position_mask = 0, remaining = (u32)kept;
  const int key_digits = SortKey<T>::bits / 8;
  for (int level = 0; level < key_digits + 4; level++) {
    const bool in_key = level < key_digits;
    const int shift = 8 * ((in_key ? key_digits : key_digits + 4) - 1 - level);
    for (int i = threadIdx.x; i < 8 * 256; i += blockDim.x) counts[0][i] = 0;
    __syncthreads();
#pragma unroll 4
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) {
      const K key = sort_key(row[i * inner], descending);
      if ((key & key_mask) != key_prefix || ((u32)i & position_mask) != position_prefix) continue;
      atomicAdd(&counts[lane & 7][(u32)((in_key ? key : (K)i) >> shift) & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x < 32) {
      u32 own[8], sum = 0;
      for (int d = 0; d < 8; d++) {
        own[d] = 0;
        for (int copy = 0; copy < 8; copy++) own[d] += counts[copy][lane * 8 + d];
        sum += own[d];
      }
      u32 before = sum;
      for (int distance = 1; distance < 32; distance <<= 1) {
        const u32 other = __shfl_up_sync(full_warp, before, distance);
        if (lane >= distance) before += other;
      }
      before -= sum;
      if (before < remaining && remaining <= before + sum) {
        int d = 0;
        while (before + own[d] < remaining) before += own[d++];
        found[0] = lane * 8 + d, found[1] = before, found[2] = own[d];
      }
    }
    __syncthreads();
    remaining -= found[1];
    if (in_key) key_prefix |= (K)found[0] << shift, key_mask |= (K)255 << shift;
    else position_prefix |= found[0] << shift, position_mask |= 255u << shift;
    if (found[2] == remaining) break;
  }
#pragma unroll 4
  for (i64 i = threadIdx.x; i < count; i += blockDim.x) {
    const K key = sort_key(row[i * inner], descending), digits = key & key_mask;
    if (digits > key_prefix || (digits == key_prefix && ((u32)i & position_mask) > position_prefix)) continue;
    make_entry(entries[atomicAdd(&taken, 1u)], key, (u32)i);
  }
  sort_entries(entries, width, width);
  for (int rank = threadIdx.x; rank < kept; rank += blockDim.x) {
    const u32 position = position_of(entries[rank]);
    const i64 at = row_offset(blockIdx.x, kept, inner) + rank * inner;
    values[at] = row[position * inner];
    indices[at] = position;
  }
}

// MARK: - Long rows: digits of 8 bits from the lowest up. blockIdx.y is a row of those that are sorted together, beginning at `first_row`.

static const int radix_tile = 4096;  // elements of a block: 16 steps of 8 warps

template <class T> __global__ void __launch_bounds__(256) radix_keys(
    const T *x, sort_key_t<T> *keys, u32 *positions, i64 first_row, i64 count, i64 inner, i32 descending) {
  const i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= count) return;
  const i64 at = blockIdx.y * count + i;
  keys[at] = sort_key(x[row_offset(first_row + blockIdx.y, count, inner) + i * inner], descending);
  positions[at] = (u32)i;
}

// For each element of a warp's part of a tile: its digit, and how many of the same digit come before it in that part. `counts`: what each
// warp has of each digit.
template <class K> DEVICE void radix_ranks(
    const K *keys, i64 first, i64 count, int shift, u32 (*counts)[256], K *own_keys, u32 *ranks) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  for (int w = 0; w < 8; w++) counts[w][threadIdx.x] = 0;
  __syncthreads();
#pragma unroll
  for (int step = 0; step < 16; step++) {
    const i64 i = first + warp * 512 + step * 32 + lane;
    own_keys[step] = i < count ? keys[i] : 0;
  }
#pragma unroll
  for (int step = 0; step < 16; step++) {
    const bool inside = first + warp * 512 + step * 32 + lane < count;
    const u32 digit = (u32)(own_keys[step] >> shift) & 255;
    // The lanes with the same digit.
    const u32 present = __ballot_sync(full_warp, inside);
    u32 peers = inside ? present : ~present;
#pragma unroll
    for (int bit = 0; bit < 8; bit++) {
      const bool set = digit >> bit & 1;
      const u32 lanes = __ballot_sync(full_warp, set);
      peers &= set ? lanes : ~lanes;
    }
    const u32 before = __popc(peers & ((1u << lane) - 1));
    ranks[step] = counts[warp][digit] + before;
    __syncwarp();
    if (inside && before == 0) counts[warp][digit] += __popc(peers);
    __syncwarp();
  }
  __syncthreads();
}

// counts [row][digit][tile]: how often each digit occurs in each tile.
template <class K> __global__ void __launch_bounds__(256) radix_count(const K *keys, u32 *counts, i64 count, i32 shift) {
  __shared__ u32 digits[256];
  digits[threadIdx.x] = 0;
  __syncthreads();
  keys += blockIdx.y * count;
  const i64 first = (i64)blockIdx.x * radix_tile, end = first + radix_tile < count ? first + radix_tile : count;
  for (i64 i = first + threadIdx.x; i < end; i += 256) atomicAdd(&digits[(u32)(keys[i] >> shift) & 255], 1u);
  __syncthreads();
  counts[((i64)blockIdx.y * 256 + threadIdx.x) * gridDim.x + blockIdx.x] = digits[threadIdx.x];
}

// The sum of what the threads before have; `all`: of all 256.
DEVICE u32 exclusive_sum(u32 own, u32 &all, u32 *shared) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  u32 sum = own;
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1) {
    const u32 before = __shfl_up_sync(full_warp, sum, distance);
    if (lane >= distance) sum += before;
  }
  __syncthreads();
  if (lane == 31) shared[warp] = sum;
  __syncthreads();
  u32 earlier = 0;
  all = 0;
#pragma unroll
  for (int w = 0; w < 8; w++) {
    if (w == warp) earlier = all;
    all += shared[w];
  }
  return earlier + sum - own;
}

// A block to a digit (blockIdx.x): counts of its tiles become how many come in tiles before.
__global__ void __launch_bounds__(256) radix_offsets(u32 *counts, u32 *totals, i64 tiles) {
  __shared__ u32 shared[8];
  counts += ((i64)blockIdx.y * 256 + blockIdx.x) * tiles;
  u32 carry = 0;
  for (i64 first = 0; first < tiles; first += 256) {
    const i64 i = first + threadIdx.x;
    u32 all;
    const u32 before = exclusive_sum(i < tiles ? counts[i] : 0, all, shared);
    if (i < tiles) counts[i] = carry + before;
    carry += all;
  }
  if (threadIdx.x == 0) totals[blockIdx.y * 256 + blockIdx.x] = carry;
}

template <class K> __global__ void __launch_bounds__(256) radix_scatter(
    const K *keys, const u32 *positions, K *sorted_keys, u32 *sorted_positions, const u32 *counts, const u32 *totals, i64 count,
    i32 shift) {
  __shared__ u32 starts[8][256];
  __shared__ u32 shared[8];
  const i64 row = (i64)blockIdx.y * count, first = (i64)blockIdx.x * radix_tile;
  keys += row, positions += row, sorted_keys += row, sorted_positions += row;
  K own_keys[16];
  u32 ranks[16];
  radix_ranks(keys, first, count, shift, starts, own_keys, ranks);
  // A thread to a digit: lower digits first, then earlier tiles, then earlier warps.
  u32 all;
  u32 start = exclusive_sum(totals[blockIdx.y * 256 + threadIdx.x], all, shared);
  start += counts[((i64)blockIdx.y * 256 + threadIdx.x) * gridDim.x + blockIdx.x];
  for (int w = 0; w < 8; w++) {
    const u32 own = starts[w][threadIdx.x];
    starts[w][threadIdx.x] = start;
    start += own;
  }
  __syncthreads();
#pragma unroll
  for (int step = 0; step < 16; step++) {
    const i64 i = first + (threadIdx.x >> 5) * 512 + step * 32 + (threadIdx.x & 31);
    if (i >= count) continue;
    const u32 target = starts[threadIdx.x >> 5][(u32)(own_keys[step] >> shift) & 255] + ranks[step];
    sorted_keys[target] = own_keys[step];
    sorted_positions[target] = positions[i];
  }
}

template <class T> __global__ void __launch_bounds__(256) radix_finish(
    const T *x, const u32 *positions, T *values, i64 *indices, i64 first_row, i64 count, i64 inner, i64 kept) {
  const i64 rank = (i64)blockIdx.x * 256 + threadIdx.x, row = first_row + blockIdx.y;
  if (rank >= kept) return;
  const u32 position = positions[blockIdx.y * count + rank];
  const i64 at = row_offset(row, kept, inner) + rank * inner;
  values[at] = x[row_offset(row, count, inner) + position * inner];
  indices[at] = position;
}
