// Tensor cores by inline PTX: products of 16-bit tiles with float32 sums, loads of fragments from shared memory, copies from device memory to
// shared memory that do not pass through registers. On the CPU the same functions are computed lane by lane.

template <class A, class B> struct IsSame { static const bool value = false; };
template <class A> struct IsSame<A, A> { static const bool value = true; };

#ifdef EMBER_HOST
namespace shim {
static u32 registers[1024][8];
static const void *addresses[1024];
}
#endif

template <class T> DEVICE u32 pack(f32 low, f32 high) {
  return (u32)store<T>(low).bits | (u32)store<T>(high).bits << 16;
}

template <class T> DEVICE f32 unpack(u32 pair, int i) {
  T x;
  x.bits = (u16)(pair >> (16 * i));
  return load(x);
}

// d[16 × 8] += a[16 × 16] b[16 × 8]. In each lane l: a = rows l/4 and l/4 + 8, columns 2 (l%4) and + 8; b = rows 2 (l%4) and + 8, column
// l/4; d = rows l/4 (0, 1) and l/4 + 8 (2, 3), columns 2 (l%4) and the next.
template <class T> DEVICE void multiply_tiles(f32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#ifdef EMBER_HOST
  const int lane = shim::current & 31, base = shim::current & ~31;
  for (int i = 0; i < 4; i++) shim::registers[shim::current][i] = a[i];
  shim::registers[shim::current][4] = b0;
  shim::registers[shim::current][5] = b1;
  __syncwarp();
  for (int i = 0; i < 4; i++) {
    const int row = lane / 4, column = 2 * (lane % 4) + (i & 1);
    for (int k = 0; k < 16; k++) {
      const u32 *left = shim::registers[base + 4 * row + k % 8 / 2], *right = shim::registers[base + 4 * column + k % 8 / 2];
      d[i] += unpack<T>(left[(i >> 1) + 2 * (k >> 3)], k & 1) * unpack<T>(right[4 + (k >> 3)], k & 1);
    }
  }
  __syncwarp();
#else
  if constexpr (sizeof(T) == 2) {
    if constexpr (IsSame<T, bf16>::value)
      asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                   : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    else
      asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                   : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
#endif
}

// Four 8 × 8 tiles; lane l gives the address of row l % 8 of tile l / 8, and gets of each tile the elements at row l/4, columns 2 (l%4) and
// the next (transposed: at rows 2 (l%4) and the next, column l/4).
template <bool transposed> DEVICE void load_tiles(u32 (&r)[4], const void *row) {
#ifdef EMBER_HOST
  const int lane = shim::current & 31, base = shim::current & ~31;
  shim::addresses[shim::current] = row;
  __syncwarp();
  for (int i = 0; i < 4; i++) {
    if (transposed) {
      const u16 *first = (const u16 *)shim::addresses[base + 8 * i + 2 * (lane % 4)];
      const u16 *second = (const u16 *)shim::addresses[base + 8 * i + 2 * (lane % 4) + 1];
      r[i] = (u32)first[lane / 4] | (u32)second[lane / 4] << 16;
    } else {
      const u16 *only = (const u16 *)shim::addresses[base + 8 * i + lane / 4];
      r[i] = (u32)only[2 * (lane % 4)] | (u32)only[2 * (lane % 4) + 1] << 16;
    }
  }
  __syncwarp();
#else
  const u32 address = (u32)__cvta_generic_to_shared(row);
  if constexpr (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
#endif
}

// 16 bytes to shared memory; zeros if `exists` is false (then nothing is read).
DEVICE void copy_async(void *to, const void *from, bool exists) {
#ifdef EMBER_HOST
  if (exists) memcpy(to, from, 16);
  else memset(to, 0, 16);
#else
  const u32 address = (u32)__cvta_generic_to_shared(to);
  const int bytes = exists ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes));
#endif
}
DEVICE void commit_copies() {
#ifndef EMBER_HOST
  asm volatile("cp.async.commit_group;");
#endif
}
// Waits until at most `N` of the groups that were committed are still under way.
template <int N> DEVICE void wait_copies() {
#ifndef EMBER_HOST
  asm volatile("cp.async.wait_group %0;" ::"n"(N));
#endif
}

// A tile of `rows` × D elements in shared memory: 16-byte pieces of a row lie exchanged by the row's number, so that neither copies nor
// loads of fragments meet in a bank.
template <class T, int D> DEVICE T *piece(T *tile, int row, int column_of_8) { return tile + row * D + ((column_of_8 ^ (row & 7)) << 3); }

// Copies rows first ..< first + ROWS of a matrix whose rows have `features` elements (a multiple of 8, at most D); zeros elsewhere.
template <class T, int D, int ROWS, int THREADS>
DEVICE void copy_tile(T *tile, const T *matrix, i64 row_stride, int first, int count, int features) {
#pragma unroll
  for (int i = 0; i < ROWS * D / 8; i += THREADS) {
    const int index = i + threadIdx.x, row = index / (D / 8), column = index % (D / 8);
    const bool exists = first + row < count && column * 8 < features;
    copy_async(piece<T, D>(tile, row, column), exists ? matrix + (i64)(first + row) * row_stride + column * 8 : matrix, exists);
  }
}

// Fragments of the left factor: rows row ..< row + 16, columns column ..< column + 16 of a tile.
template <class T, int D> DEVICE void left_fragment(u32 (&a)[4], T *tile, int row, int column) {
  const int lane = threadIdx.x & 31;
  load_tiles<false>(a, piece<T, D>(tile, row + (lane & 15), column / 8 + (lane >> 4)));
}
// Fragments of two right factors, for the transposed product with rows row ..< row + 8 (b[0], b[1]) and row + 8 ..< row + 16 (b[2], b[3]).
template <class T, int D> DEVICE void right_fragment(u32 (&b)[4], T *tile, int row, int column) {
  const int lane = threadIdx.x & 31;
  load_tiles<false>(b, piece<T, D>(tile, row + (lane & 7) + ((lane >> 4) << 3), column / 8 + ((lane >> 3) & 1)));
}
// Fragments of two right factors, for the product with columns column ..< column + 8 and column + 8 ..< column + 16 of rows row ..< row + 16.
template <class T, int D> DEVICE void right_fragment_by_rows(u32 (&b)[4], T *tile, int row, int column) {
  const int lane = threadIdx.x & 31;
  load_tiles<true>(b, piece<T, D>(tile, row + (lane & 15), column / 8 + (lane >> 4)));
}
