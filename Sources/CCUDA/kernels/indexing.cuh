// Reading and writing by index: gather, scatter, index_select, index_add, and blocks at offsets (x[i, j, :]).
//
// Indices are int64. A bad one reads zeros or writes nothing, and is reported. Kernels that only move elements are instantiated for one
// type of each size (u8, i16, i32, i64, c128), or a larger one where several elements can be moved at once.

static const i32 bad_index = 1;

// What `index_offsets` leaves in place of a bad index. No element lies there.
static const i64 nowhere = INT64_MIN;

enum { scatter_set = 0, scatter_add = 1, scatter_multiply = 2, scatter_maximum = 3, scatter_minimum = 4 };

// MARK: - Combining elements

// The type that two elements of T are combined in. Unlike compute_t it keeps the order of unsigned 64-bit integers.
template <class T> struct Combining {
  typedef compute_t<T> type;
  static DEVICE type from(T x) { return load(x); }
};
template <> struct Combining<u64> {
  typedef u64 type;
  static DEVICE u64 from(u64 x) { return x; }
};

template <int mode, class C> DEVICE C combined(C a, C b) {
  if (mode == scatter_add) return a + b;
  if (mode == scatter_multiply) return a * b;
  if (mode == scatter_maximum) return b > a || b != b ? b : a;
  if (mode == scatter_minimum) return b < a || b != b ? b : a;
  return b;
}
#define COMBINE_WRAPPING(type)                                                      \
  template <int mode> DEVICE type combined(type a, type b) {                        \
    if (mode == scatter_add) return (type)((u64)a + (u64)b);                        \
    if (mode == scatter_multiply) return (type)((u64)a * (u64)b);                   \
    if (mode == scatter_maximum) return b > a ? b : a;                              \
    if (mode == scatter_minimum) return b < a ? b : a;                              \
    return b;                                                                       \
  }
COMBINE_WRAPPING(u8)
COMBINE_WRAPPING(i8)
COMBINE_WRAPPING(i16)
COMBINE_WRAPPING(i32)
COMBINE_WRAPPING(i64)
COMBINE_WRAPPING(u64)
template <int mode> DEVICE bool combined(bool a, bool b) {
  if (mode == scatter_add || mode == scatter_maximum) return a || b;
  if (mode == scatter_multiply || mode == scatter_minimum) return a && b;
  return b;
}
// Complex numbers are ordered by their real parts.
template <int mode, class R> DEVICE complex<R> combined(complex<R> a, complex<R> b) {
  if (mode == scatter_add) return complex<R>{a.re + b.re, a.im + b.im};
  if (mode == scatter_multiply) return complex<R>{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  if (mode == scatter_maximum) return b.re > a.re || b.re != b.re ? b : a;
  if (mode == scatter_minimum) return b.re < a.re || b.re != b.re ? b : a;
  return b;
}
template <int mode, class T> DEVICE T combined_elements(T a, T b) {
  return mode == scatter_set ? b : store<T>(combined<mode>(Combining<T>::from(a), Combining<T>::from(b)));
}

// MARK: - Atomically

template <class Word, class T> union Reinterpreted {
  Word word;
  T element;
};

// By compare and swap, in the word that holds the element. What changes nothing is not written.
template <int mode, class T, int size> struct AtomicCombine {
  static DEVICE void apply(T *place, T value) {
    u32 *word = (u32 *)((u64)place & ~(u64)3);
    const u32 shift = (u32)((u64)place & 3) * 8, mask = (size == 1 ? 0xffu : 0xffffu) << shift;
    u32 seen = *(volatile u32 *)word;
    for (;;) {
      Reinterpreted<u32, T> current;
      current.word = (seen & mask) >> shift;
      Reinterpreted<u32, T> next;
      next.word = 0;
      next.element = combined_elements<mode>(current.element, value);
      if (next.word == current.word) return;
      const u32 found = atomicCAS(word, seen, (seen & ~mask) | next.word << shift);
      if (found == seen) return;
      seen = found;
    }
  }
};
template <int mode, class T, class Word> DEVICE void atomic_combine_word(T *place, T value) {
  Word *word = (Word *)place;
  Word seen = *(volatile Word *)word;
  for (;;) {
    Reinterpreted<Word, T> current, next;
    current.word = seen;
    next.element = combined_elements<mode>(current.element, value);
    if (next.word == seen) return;
    const Word found = atomicCAS(word, seen, next.word);
    if (found == seen) return;
    seen = found;
  }
}
template <int mode, class T> struct AtomicCombine<mode, T, 4> {
  static DEVICE void apply(T *place, T value) { atomic_combine_word<mode, T, u32>(place, value); }
};
template <int mode, class T> struct AtomicCombine<mode, T, 8> {
  static DEVICE void apply(T *place, T value) { atomic_combine_word<mode, T, u64>(place, value); }
};
#define ATOMIC_ADD(type, word)                                                                              \
  template <> struct AtomicCombine<scatter_add, type, sizeof(type)> {                                       \
    static DEVICE void apply(type *place, type value) { atomicAdd((word *)place, (word)value); }            \
  };
ATOMIC_ADD(f32, f32)
ATOMIC_ADD(f64, f64)
ATOMIC_ADD(i32, i32)
ATOMIC_ADD(u32, u32)
ATOMIC_ADD(i64, u64)
ATOMIC_ADD(u64, u64)
// The two parts have nothing to do with each other.
template <> struct AtomicCombine<scatter_add, c64, 8> {
  static DEVICE void apply(c64 *place, c64 value) {
    atomicAdd(&place->re, value.re);
    atomicAdd(&place->im, value.im);
  }
};
template <> struct AtomicCombine<scatter_add, c128, 16> {
  static DEVICE void apply(c128 *place, c128 value) {
    atomicAdd(&place->re, value.re);
    atomicAdd(&place->im, value.im);
  }
};
template <int mode, class T> DEVICE void atomic_combine(T *place, T value) {
  AtomicCombine<mode, T, sizeof(T)>::apply(place, value);
}

// Four neighbours at a 16-byte boundary, by one access where the device can.
DEVICE void atomic_add_four(f32 *place, f32 a, f32 b, f32 c, f32 d) {
#if !defined(EMBER_HOST) && __CUDA_ARCH__ >= 900
  asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" : : "l"(place), "f"(a), "f"(b), "f"(c), "f"(d) : "memory");
#else
  atomicAdd(place, a);
  atomicAdd(place + 1, b);
  atomicAdd(place + 2, c);
  atomicAdd(place + 3, d);
#endif
}

// MARK: - Along one dimension

// out[..., j, ...] = x[..., index[..., j, ...], ...]. Operands of the layout: index, out, and x with a stride of 0 along the dimension.
template <class T> __global__ void __launch_bounds__(256) gather_elements(
    Layout<3> layout, i64 count, const T *x, const i64 *index, T *out, i64 axis_size, i64 axis_stride, DeviceError *errors,
    i32 operation) {
  static const int each = 4;
  const i64 first = (i64)blockIdx.x * (256 * each) + threadIdx.x;
  i64 offsets[each][3], from[each];
#pragma unroll
  for (int k = 0; k < each; k++) {
    const i64 position = first + k * 256;
    if (position >= count) continue;
    layout.offsets((u32)position, offsets[k]);
    from[k] = index[offsets[k][0]];
  }
  T values[each];
#pragma unroll
  for (int k = 0; k < each; k++) {
    const i64 position = first + k * 256;
    if (position >= count) continue;
    values[k] = T();
    if ((u64)from[k] < (u64)axis_size) values[k] = x[offsets[k][2] + from[k] * axis_stride];
    else report(errors, bad_index, operation, position, from[k], axis_size);
  }
#pragma unroll
  for (int k = 0; k < each; k++)
    if (first + k * 256 < count) out[offsets[k][1]] = values[k];
}

// target[..., index[..., j, ...], ...] op= source[..., j, ...] by atomics, in no particular order. Operands of the layout: index, source,
// and the target with a stride of 0 along the dimension.
template <class T, int mode> __global__ void __launch_bounds__(256) scatter_elements(
    Layout<3> layout, i64 count, T *target, const i64 *index, const T *source, i64 axis_size, i64 axis_stride, DeviceError *errors,
    i32 operation) {
  const i64 position = (i64)blockIdx.x * 256 + threadIdx.x;
  if (position >= count) return;
  i64 offsets[3];
  layout.offsets((u32)position, offsets);
  const i64 i = index[offsets[0]];
  if ((u64)i < (u64)axis_size) atomic_combine<mode>(target + offsets[2] + i * axis_stride, source[offsets[1]]);
  else report(errors, bad_index, operation, position, i, axis_size);
}

// The same in order: a thread walks along the dimension, and no other one writes its places. Operands of the layout, which lacks the
// dimension: index, source, target.
template <class T, int mode> __global__ void __launch_bounds__(128) scatter_lines(
    Layout<3> layout, i64 lines, T *target, const i64 *__restrict__ index, const T *__restrict__ source, i64 length, i64 index_stride,
    i64 source_stride, i64 axis_size, i64 axis_stride, DeviceError *errors, i32 operation) {
  const i64 line = (i64)blockIdx.x * 128 + threadIdx.x;
  if (line >= lines) return;
  i64 offsets[3];
  layout.offsets((u32)line, offsets);
  index += offsets[0];
  source += offsets[1];
  target += offsets[2];
#pragma unroll 4
  for (i64 j = 0; j < length; j++) {
    const i64 i = index[j * index_stride];
    const T value = source[j * source_stride];
    if ((u64)i >= (u64)axis_size) {
      report(errors, bad_index, operation, j, i, axis_size);
      continue;
    }
    T *place = target + i * axis_stride;
    *place = mode == scatter_set ? value : combined_elements<mode>(*place, value);
  }
}

// Where a scatter writes, as offsets of elements, dense in the index's shape. Operands of the layout: index, target with a stride of 0
// along the dimension.
template <class Unused> __global__ void __launch_bounds__(256) scatter_offsets(
    Layout<2> layout, i64 count, const i64 *index, i64 *result, i64 axis_size, i64 axis_stride, DeviceError *errors, i32 operation) {
  const i64 position = (i64)blockIdx.x * 256 + threadIdx.x;
  if (position >= count) return;
  i64 offsets[2];
  layout.offsets((u32)position, offsets);
  const i64 i = index[offsets[0]];
  const bool good = (u64)i < (u64)axis_size;
  if (!good) report(errors, bad_index, operation, position, i, axis_size);
  result[position] = good ? offsets[1] + i * axis_stride : nowhere;
}

// MARK: - Dense rows

// Rows are shared out to groups of 2^k neighbouring threads, blocks of columns to blockIdx.y; a thread moves up to `row_units` at once.
static const int row_units = 4;

DEVICE i64 quotient(i64 x, i64 divisor, bool small) { return small ? (i64)((u32)x / (u32)divisor) : x / divisor; }

DEVICE i64 counted_from_start(i64 i, i64 size, bool wraps) { return wraps && i < 0 ? i + size : i; }

// Copies `count` Ts to a row from another (or zeros from none), by the group of lanes that the thread is in.
template <class T> DEVICE void copy_row(T *to, const T *from, i64 count, int lane, int lanes) {
  const i64 piece = (i64)lanes * row_units;
  for (i64 start = (i64)blockIdx.y * piece + lane; start < count; start += gridDim.y * piece) {
    T values[row_units];
#pragma unroll
    for (int k = 0; k < row_units; k++) {
      values[k] = T();
      if (from && start + k * lanes < count) values[k] = from[start + k * lanes];
    }
#pragma unroll
    for (int k = 0; k < row_units; k++)
      if (start + k * lanes < count) to[start + k * lanes] = values[k];
  }
}

// out[o, j, :] = x[o, index[j], :], rows of `units` Ts.
template <class T> __global__ void __launch_bounds__(256) index_select_rows(
    const T *x, const i64 *index, T *out, i64 outer, i64 n, i64 m, i64 units, i32 lanes_log2, i32 wraps, DeviceError *errors,
    i32 operation) {
  const int lanes = 1 << lanes_log2, lane = threadIdx.x & (lanes - 1);
  const i64 rows = outer * m, row = (i64)blockIdx.x * (256 >> lanes_log2) + (threadIdx.x >> lanes_log2);
  if (row >= rows) return;
  const i64 o = outer == 1 ? 0 : quotient(row, m, rows < 0xffffffffLL), j = row - o * m;
  const i64 named = index[j], i = counted_from_start(named, n, wraps);
  const bool good = (u64)i < (u64)n;
  if (!good && lane == 0) report(errors, bad_index, operation, j, named, n);
  copy_row(out + row * units, good ? x + (o * n + i) * units : (const T *)0, units, lane, lanes);
}

template <class T> DEVICE T scaled(T x, f64 alpha, bool plain) {
  typedef typename Combining<T>::type C;
  return plain ? x : store<T>(combined<scatter_multiply>(Combining<T>::from(x), convert<C>(alpha)));
}
template <class R> DEVICE complex<R> scaled(complex<R> x, f64 alpha, bool plain) {
  if (plain) return x;
  auto z = load(x);
  z.re *= (decltype(z.re))alpha;
  z.im *= (decltype(z.im))alpha;
  return store<complex<R>>(z);
}
DEVICE bool scaled(bool x, f64 alpha, bool plain) { return x && alpha != 0; }

// Adds N neighbouring elements, which together are aligned.
template <class T, int N> struct AddNeighbours {
  static DEVICE void apply(T *place, Vector<T, N> values) {
#pragma unroll
    for (int k = 0; k < N; k++) atomic_combine<scatter_add>(place + k, values.at[k]);
  }
};
template <> struct AddNeighbours<f32, 4> {
  static DEVICE void apply(f32 *place, Vector<f32, 4> values) {
    atomic_add_four(place, values.at[0], values.at[1], values.at[2], values.at[3]);
  }
};

// target[o, index[j], :] += alpha · source[o, j, :] by atomics: in no particular order, so that sums of floats differ in their last places
// from run to run. `units`: Vectors of N in a row.
template <class T, int N> __global__ void __launch_bounds__(256) index_add_rows(
    T *target, const i64 *index, const T *source, i64 outer, i64 n, i64 m, i64 units, f64 alpha, i32 lanes_log2, DeviceError *errors,
    i32 operation) {
  const int lanes = 1 << lanes_log2, lane = threadIdx.x & (lanes - 1);
  const i64 rows = outer * m, row = (i64)blockIdx.x * (256 >> lanes_log2) + (threadIdx.x >> lanes_log2);
  if (row >= rows) return;
  const i64 o = outer == 1 ? 0 : quotient(row, m, rows < 0xffffffffLL), j = row - o * m;
  const i64 named = index[j], i = counted_from_start(named, n, true);
  if ((u64)i >= (u64)n) {
    if (lane == 0) report(errors, bad_index, operation, j, named, n);
    return;
  }
  const bool plain = alpha == 1;
  const Vector<T, N> *from = (const Vector<T, N> *)source + row * units;
  T *to = target + (o * n + i) * units * N;
  const i64 piece = (i64)lanes * row_units;
  for (i64 start = (i64)blockIdx.y * piece + lane; start < units; start += gridDim.y * piece) {
    Vector<T, N> values[row_units];
#pragma unroll
    for (int k = 0; k < row_units; k++)
      if (start + k * lanes < units) values[k] = from[start + k * lanes];
#pragma unroll
    for (int k = 0; k < row_units; k++) {
      if (start + k * lanes >= units) continue;
#pragma unroll
      for (int e = 0; e < N; e++) values[k].at[e] = scaled(values[k].at[e], alpha, plain);
      AddNeighbours<T, N>::apply(to + (start + k * lanes) * N, values[k]);
    }
  }
}

// MARK: - Blocks at offsets

// Up to 8 index arrays with the extents and strides of the dimensions that they are for.
struct IndexArrays {
  const i64 *at[8];
  i64 sizes[8], strides[8];
};

// result[p] = Σ strides[a] · index_a[p]; negative indices count from the end.
template <int N> __global__ void __launch_bounds__(256) index_offsets(
    Layout<N> layout, i64 count, IndexArrays arrays, i64 *result, DeviceError *errors, i32 operation) {
  const i64 position = (i64)blockIdx.x * 256 + threadIdx.x;
  if (position >= count) return;
  i64 offsets[N], sum = 0;
  layout.offsets((u32)position, offsets);
  bool good = true;
#pragma unroll
  for (int a = 0; a < N; a++) {
    const i64 named = arrays.at[a][offsets[a]], size = arrays.sizes[a], i = named < 0 ? named + size : named;
    if ((u64)i >= (u64)size) {
      if (good) report(errors, bad_index, operation, position, named, size);
      good = false;
    }
    sum += i * arrays.strides[a];
  }
  result[position] = good ? sum : nowhere;
}

// out[element] = x[offsets[position] + within]. Operands of the layout of out: x within a block, position.
template <class T> __global__ void __launch_bounds__(256) take_blocks(
    Layout<2> layout, i64 count, const T *x, const i64 *offsets, T *out) {
  static const int each = 4;
  const i64 first = (i64)blockIdx.x * (256 * each) + threadIdx.x;
  T values[each];
#pragma unroll
  for (int k = 0; k < each; k++) {
    values[k] = T();
    if (first + k * 256 >= count) continue;
    i64 at[2];
    layout.offsets((u32)(first + k * 256), at);
    const i64 offset = offsets[at[1]];
    if (offset != nowhere) values[k] = x[offset + at[0]];
  }
#pragma unroll
  for (int k = 0; k < each; k++)
    if (first + k * 256 < count) out[first + k * 256] = values[k];
}

// By as wide accesses as the addresses allow, which only the device knows.
template <class T> DEVICE void copy_row_widely(T *to, const T *from, i64 count, int lane, int lanes) {
  const u64 all = (u64)to | (u64)from | (u64)count * sizeof(T);
  if (sizeof(T) < 16 && (all & 15) == 0) {
    copy_row((c128 *)to, (const c128 *)from, count * (i64)sizeof(T) / 16, lane, lanes);
  } else if (sizeof(T) < 4 && (all & 3) == 0) {
    copy_row((u32 *)to, (const u32 *)from, count * (i64)sizeof(T) / 4, lane, lanes);
  } else {
    copy_row(to, from, count, lane, lanes);
  }
}

// out[p, :] = x[offsets[p] ..< offsets[p] + inner], neighbouring elements.
template <class T> __global__ void __launch_bounds__(256) take_rows(
    const T *x, const i64 *offsets, T *out, i64 rows, i64 inner, i32 lanes_log2) {
  const int lanes = 1 << lanes_log2;
  const i64 row = (i64)blockIdx.x * (256 >> lanes_log2) + (threadIdx.x >> lanes_log2);
  if (row >= rows) return;
  const i64 offset = offsets[row];
  copy_row_widely(out + row * inner, offset == nowhere ? (const T *)0 : x + offset, inner, threadIdx.x & (lanes - 1), lanes);
}

// MARK: Who comes last
//
// Several positions may name one place. Each claims it in a hash table keyed by the place, and the last position keeps it: so the last
// one's element is written, as on the CPU, whatever order threads run in. The same representative sums 16-bit floats for its place.

struct Claims {
  u64 *keys;   // of every slot; 0: free
  u32 *last;   // the last position that claimed the slot, plus 1
  u32 *slots;  // of every position; no_slot: it named no place
  u32 mask;    // number of slots (a power of 2) minus 1
};
static const u32 no_slot = 0xffffffffu;

template <class Unused> __global__ void __launch_bounds__(256) claim_places(const i64 *places, i64 count, Claims claims) {
  const i64 position = (i64)blockIdx.x * 256 + threadIdx.x;
  if (position >= count) return;
  const i64 place = places[position];
  if (place == nowhere) {
    claims.slots[position] = no_slot;
    return;
  }
  const u64 key = (u64)place ^ (u64)INT64_MIN;  // never 0
  u32 slot = (u32)(key * 0x9e3779b97f4a7c15ULL >> 32) & claims.mask;
  for (;;) {
    const u64 found = atomicCAS(claims.keys + slot, (u64)0, key);
    if (found == 0 || found == key) break;
    slot = (slot + 1) & claims.mask;
  }
  atomicMax(claims.last + slot, (u32)position + 1);
  claims.slots[position] = slot;
}

// The position that stands for all that name the same place as `position`, or -1.
DEVICE i64 representative(const Claims &claims, i64 position) {
  const u32 slot = claims.slots[position];
  return slot == no_slot ? -1 : (i64)claims.last[slot] - 1;
}

// target[offsets[position] + within] = source[...], of the last position that names a place. Operands of the layout: target within a
// block, source, position.
template <class T> __global__ void __launch_bounds__(256) put_blocks(
    Layout<3> layout, i64 count, T *target, const i64 *offsets, const T *source, Claims claims) {
  const i64 element = (i64)blockIdx.x * 256 + threadIdx.x;
  if (element >= count) return;
  i64 at[3];
  layout.offsets((u32)element, at);
  if (representative(claims, at[2]) == at[2]) target[offsets[at[2]] + at[0]] = source[at[1]];
}

// The same for blocks of neighbouring elements.
template <class T> __global__ void __launch_bounds__(256) put_rows(
    T *target, const i64 *offsets, const T *source, i64 rows, i64 inner, i64 source_stride, i32 lanes_log2, Claims claims) {
  const int lanes = 1 << lanes_log2;
  const i64 row = (i64)blockIdx.x * (256 >> lanes_log2) + (threadIdx.x >> lanes_log2);
  if (row >= rows || representative(claims, row) != row) return;
  copy_row_widely(target + offsets[row], source + row * source_stride, inner, threadIdx.x & (lanes - 1), lanes);
}

// target[offsets[position] + within] += source[...] by atomics. Operands as of `put_blocks`.
template <class T> __global__ void __launch_bounds__(256) add_blocks(
    Layout<3> layout, i64 count, T *target, const i64 *offsets, const T *source) {
  const i64 element = (i64)blockIdx.x * 256 + threadIdx.x;
  if (element >= count) return;
  i64 at[3];
  layout.offsets((u32)element, at);
  const i64 offset = offsets[at[2]];
  if (offset != nowhere) atomic_combine<scatter_add>(target + offset + at[0], source[at[1]]);
}

// Sums of 16-bit floats are taken in f32 and rounded once. First the sum of a block's place, in `sums` [position, block] at its
// representative. Operands of the layout: element within a block, source, position.
template <class T> __global__ void __launch_bounds__(256) sum_blocks(
    Layout<3> layout, i64 count, f32 *sums, const T *source, i64 block, Claims claims) {
  const i64 element = (i64)blockIdx.x * 256 + threadIdx.x;
  if (element >= count) return;
  i64 at[3];
  layout.offsets((u32)element, at);
  const i64 chosen = representative(claims, at[2]);
  if (chosen >= 0) atomicAdd(sums + chosen * block + at[0], load(source[at[1]]));
}

// The same for dense rows of `units` Vectors of 4.
template <class T> __global__ void __launch_bounds__(256) sum_rows(
    f32 *sums, const T *source, i64 rows, i64 units, i32 lanes_log2, Claims claims) {
  const int lanes = 1 << lanes_log2, lane = threadIdx.x & (lanes - 1);
  const i64 row = (i64)blockIdx.x * (256 >> lanes_log2) + (threadIdx.x >> lanes_log2);
  if (row >= rows) return;
  const i64 chosen = representative(claims, row);
  if (chosen < 0) return;
  const Vector<T, 4> *from = (const Vector<T, 4> *)source + row * units;
  f32 *to = sums + chosen * units * 4;
  for (i64 unit = (i64)blockIdx.y * lanes + lane; unit < units; unit += (i64)gridDim.y * lanes) {
    const Vector<T, 4> values = from[unit];
    atomic_add_four(to + unit * 4, load(values.at[0]), load(values.at[1]), load(values.at[2]), load(values.at[3]));
  }
}

// Then target += alpha · sum, by the representatives. Operands of the layout: target within a block, element within a block, position.
template <class T> __global__ void __launch_bounds__(256) add_sums(
    Layout<3> layout, i64 count, T *target, const i64 *offsets, const f32 *sums, i64 block, f64 alpha, Claims claims) {
  const i64 element = (i64)blockIdx.x * 256 + threadIdx.x;
  if (element >= count) return;
  i64 at[3];
  layout.offsets((u32)element, at);
  if (representative(claims, at[2]) != at[2]) return;
  T *place = target + offsets[at[2]] + at[0];
  *place = store<T>(load(*place) + sums[at[2] * block + at[1]] * (f32)alpha);
}
