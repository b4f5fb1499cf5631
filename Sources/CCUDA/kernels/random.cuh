// Random numbers by Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
//
// Every block of four words is a function of the generator's seed and a number that counts blocks, so that what is drawn does not depend
// on how work is cut. A call that needs b blocks takes the numbers offset ..< offset + b. Draws by rejection take one number for an
// element, and further blocks of it by the counter's upper half.

static const i32 bad_weights = 2;

struct Philox {
  u64 seed, offset;
};
struct PhiloxWords {
  u32 at[4];
};

DEVICE PhiloxWords philox_words(const Philox &generator, u64 block, u64 attempt) {
  const u64 number = generator.offset + block;
  u32 c0 = (u32)number, c1 = (u32)(number >> 32), c2 = (u32)attempt, c3 = (u32)(attempt >> 32);
  u32 k0 = (u32)generator.seed, k1 = (u32)(generator.seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const u32 high0 = __umulhi(c0, 0xd2511f53u), low0 = c0 * 0xd2511f53u;
    const u32 high1 = __umulhi(c2, 0xcd9e8d57u), low1 = c2 * 0xcd9e8d57u;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return PhiloxWords{{c0, c1, c2, c3}};
}

// Number k of the two 64-bit words of a block.
DEVICE u64 wide_word(const PhiloxWords &words, int k) { return (u64)words.at[2 * k] << 32 | words.at[2 * k + 1]; }

// MARK: - Uniform numbers, and the type that a dtype's numbers are drawn in

// How numbers are drawn in a computing type: how many a block gives, and uniform numbers from words.
template <class C> struct Drawing;
template <> struct Drawing<f32> {
  static const int each = 4;
  // In [0, 1), 24 bits.
  static DEVICE f32 from_zero(const PhiloxWords &words, int k) { return (f32)(words.at[k] >> 8) * 0x1p-24f; }
  // In (0, 1]: near 0 finer than 2^-24, for logarithms.
  static DEVICE f32 to_one(const PhiloxWords &words, int k) { return ((f32)words.at[k] + 1) * 0x1p-32f; }
  // In (0, 1), 23 bits.
  static DEVICE f32 inside(const PhiloxWords &words, int k) { return ((f32)(words.at[k] >> 9) + 0.5f) * 0x1p-23f; }
};
template <> struct Drawing<f64> {
  static const int each = 2;
  static DEVICE f64 from_zero(const PhiloxWords &words, int k) { return (f64)(wide_word(words, k) >> 11) * 0x1p-53; }
  static DEVICE f64 to_one(const PhiloxWords &words, int k) { return ((f64)(wide_word(words, k) >> 11) + 1) * 0x1p-53; }
  static DEVICE f64 inside(const PhiloxWords &words, int k) { return ((f64)(wide_word(words, k) >> 12) + 0.5) * 0x1p-52; }
};

// 16-bit floats are drawn in f32, integers (of geometric distributions) in f64.
template <class T> struct DrawnIn { typedef f64 type; };
template <> struct DrawnIn<f32> { typedef f32 type; };
template <> struct DrawnIn<f16> { typedef f32 type; };
template <> struct DrawnIn<bf16> { typedef f32 type; };

DEVICE f32 natural_log(f32 x) { return logf(x); }
DEVICE f64 natural_log(f64 x) { return log(x); }
DEVICE f32 log_one_plus(f32 x) { return log1pf(x); }
DEVICE f64 log_one_plus(f64 x) { return log1p(x); }
DEVICE f32 exponential_of(f32 x) { return expf(x); }
DEVICE f64 exponential_of(f64 x) { return exp(x); }
DEVICE f32 root(f32 x) { return sqrtf(x); }
DEVICE f64 root(f64 x) { return sqrt(x); }
DEVICE f32 multiply_add(f32 a, f32 b, f32 c) { return fmaf(a, b, c); }
DEVICE f64 multiply_add(f64 a, f64 b, f64 c) { return fma(a, b, c); }
DEVICE void sine_cosine_pi(f32 x, f32 *sine, f32 *cosine) { sincospif(x, sine, cosine); }
DEVICE void sine_cosine_pi(f64 x, f64 *sine, f64 *cosine) { sincospi(x, sine, cosine); }

// Box–Muller: two normal numbers of two uniform ones.
template <class C> DEVICE void normal_pair(C to_one, C from_zero, C *a, C *b) {
  const C radius = root((C)-2 * natural_log(to_one));
  C sine, cosine;
  sine_cosine_pi((C)2 * from_zero, &sine, &cosine);
  *a = radius * cosine;
  *b = radius * sine;
}

// MARK: - Whole operands from one distribution

// The numbers of RandomDistribution's cases on the Swift side.
enum { draw_uniform, draw_normal, draw_exponential, draw_log_normal, draw_cauchy, draw_geometric };

// The numbers of one block. `a` and `b` are the parameters of the distribution.
template <int distribution, class C> DEVICE void draw_block(const PhiloxWords &words, C a, C b, C *values) {
  typedef Drawing<C> D;
  if constexpr (distribution == draw_normal || distribution == draw_log_normal) {
#pragma unroll
    for (int k = 0; k < D::each; k += 2) {
      C first, second;
      normal_pair(D::to_one(words, k), D::from_zero(words, k + 1), &first, &second);
      values[k] = multiply_add(first, b, a);
      values[k + 1] = multiply_add(second, b, a);
      if (distribution == draw_log_normal) {
        values[k] = exponential_of(values[k]);
        values[k + 1] = exponential_of(values[k + 1]);
      }
    }
  } else {
#pragma unroll
    for (int k = 0; k < D::each; k++) {
      if (distribution == draw_uniform) {
        // low, high - low
        values[k] = multiply_add(D::from_zero(words, k), b, a);
      } else if (distribution == draw_exponential) {
        // -1 / rate. The logarithm of 1 gives way to what lies half a step from it: the distribution does not reach 0.
        const C u = D::to_one(words, k), least = sizeof(C) == 4 ? (C)-0x1p-25 : (C)-0x1p-54;
        values[k] = (u < 1 ? natural_log(u) : least) * a;
      } else if (distribution == draw_cauchy) {
        // median, sigma; the tangent of π (u - 1/2)
        C sine, cosine;
        sine_cosine_pi(D::inside(words, k), &sine, &cosine);
        values[k] = multiply_add(b, -cosine / sine, a);
      } else {
        // probability; the number of trials is never below 1
        const C trials = ceil(natural_log(D::inside(words, k)) / log_one_plus(-a));
        values[k] = trials > 1 ? trials : (C)1;
      }
    }
  }
}

// What rounding makes of the excluded bound of a uniform distribution gives way to the included one.
template <class T> DEVICE T below(T value, T high, T low) { return value == high ? low : value; }
DEVICE f16 below(f16 value, f16 high, f16 low) { return load(value) == load(high) ? low : value; }
DEVICE bf16 below(bf16 value, bf16 high, bf16 low) { return load(value) == load(high) ? low : value; }

template <class T, int N> DEVICE void store_block(T *out, i64 first, i64 count, const Vector<T, N> &values, bool aligned) {
  if (aligned && first + N <= count) {
    *(Vector<T, N> *)(out + first) = values;
  } else {
    for (int k = 0; k < N; k++)
      if (first + k < count) out[first + k] = values.at[k];
  }
}

// `high` and `low` are the bounds of a uniform distribution. `aligned`: the output begins where the numbers of a block can be written
// at once.
template <class T, int distribution> __global__ void __launch_bounds__(256) fill_random(
    T *out, i64 count, Philox generator, f64 a, f64 b, f64 low, f64 high, i32 aligned) {
  typedef typename DrawnIn<T>::type C;
  static const int each = Drawing<C>::each;
  const i64 blocks = (count + each - 1) / each;
  for (i64 block = (i64)blockIdx.x * 256 + threadIdx.x; block < blocks; block += (i64)gridDim.x * 256) {
    C values[each];
    draw_block<distribution, C>(philox_words(generator, (u64)block, 0), (C)a, (C)b, values);
    Vector<T, each> elements;
#pragma unroll
    for (int k = 0; k < each; k++) {
      elements.at[k] = store<T>(values[k]);
      if (distribution == draw_uniform) elements.at[k] = below(elements.at[k], store<T>((C)high), store<T>((C)low));
    }
    store_block(out, block * each, count, elements, aligned);
  }
}

// 1 where a 32-bit word is below `threshold`, else 0; `threshold` is the probability times 2^32.
template <class T> __global__ void __launch_bounds__(256) fill_bernoulli(
    T *out, i64 count, Philox generator, u64 threshold, i32 aligned) {
  const i64 blocks = (count + 3) / 4;
  for (i64 block = (i64)blockIdx.x * 256 + threadIdx.x; block < blocks; block += (i64)gridDim.x * 256) {
    const PhiloxWords words = philox_words(generator, (u64)block, 0);
    Vector<T, 4> elements;
#pragma unroll
    for (int k = 0; k < 4; k++) elements.at[k] = store<T>((i32)((u64)words.at[k] < threshold));
    store_block(out, block * 4, count, elements, aligned);
  }
}

// low + a number below `range`, by the upper half of a 64-bit word's product with it. A range of 0 stands for 2^64. Floats take the way
// through f32 that PyTorch's conversion takes.
template <class T> struct FromInteger {
  static DEVICE T from(i64 x) { return (T)x; }
};
template <> struct FromInteger<bool> {
  static DEVICE bool from(i64 x) { return x != 0; }
};
template <> struct FromInteger<f16> {
  static DEVICE f16 from(i64 x) { return float_to_half((f32)x); }
};
template <> struct FromInteger<bf16> {
  static DEVICE bf16 from(i64 x) { return float_to_bfloat((f32)x); }
};
template <class T> __global__ void __launch_bounds__(256) fill_integers(
    T *out, i64 count, Philox generator, i64 low, u64 range, i32 aligned) {
  const i64 blocks = (count + 1) / 2;
  for (i64 block = (i64)blockIdx.x * 256 + threadIdx.x; block < blocks; block += (i64)gridDim.x * 256) {
    const PhiloxWords words = philox_words(generator, (u64)block, 0);
    Vector<T, 2> elements;
#pragma unroll
    for (int k = 0; k < 2; k++) {
      const u64 word = wide_word(words, k);
      elements.at[k] = FromInteger<T>::from((i64)((range ? __umul64hi(word, range) : word) + (u64)low));
    }
    store_block(out, block * 2, count, elements, aligned);
  }
}

// MARK: - A distribution for each element

// 0 or 1 with a probability of each element's own.
template <class T, class P> __global__ void __launch_bounds__(256) draw_bernoulli_elements(
    const P *probabilities, T *out, i64 count, Philox generator) {
  typedef typename DrawnIn<P>::type C;
  static const int each = Drawing<C>::each;
  const i64 blocks = (count + each - 1) / each;
  for (i64 block = (i64)blockIdx.x * 256 + threadIdx.x; block < blocks; block += (i64)gridDim.x * 256) {
    const PhiloxWords words = philox_words(generator, (u64)block, 0);
#pragma unroll
    for (int k = 0; k < each; k++) {
      const i64 i = block * each + k;
      if (i < count) out[i] = store<T>((i32)(Drawing<C>::from_zero(words, k) < load(probabilities[i])));
    }
  }
}

// Gamma variates of scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000). `least`: the smallest normal
// number of the dtype, since a variate is positive.
template <class T> __global__ void __launch_bounds__(256) draw_gamma_elements(
    const T *shapes, T *out, i64 count, Philox generator, f64 least) {
  typedef typename DrawnIn<T>::type C;
  typedef Drawing<C> D;
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < count; i += (i64)gridDim.x * 256) {
    C shape = load(shapes[i]), scale = 1;
    if (shape != shape) {
      out[i] = shapes[i];
      continue;
    }
    u64 attempt = 0;
    if (shape < 1) {
      // A variate of shape + 1 times a power of a uniform number: accepted more often.
      if (!(shape > 0)) {
        out[i] = store<T>((C)least);
        continue;
      }
      scale = exponential_of(natural_log(D::to_one(philox_words(generator, (u64)i, attempt++), 0)) / shape);
      shape += 1;
    }
    const C d = shape - (C)(1.0 / 3), c = 1 / root(9 * d);
    C value;
    for (;;) {
      C x, unused;
      const PhiloxWords words = philox_words(generator, (u64)i, attempt++);
      normal_pair(D::to_one(words, 0), D::from_zero(words, 1), &x, &unused);
      const C y = 1 + c * x;
      if (y <= 0) continue;
      const C v = y * y * y, square = x * x;
      const C u = D::to_one(D::each == 4 ? words : philox_words(generator, (u64)i, attempt++), D::each == 4 ? 2 : 0);
      value = scale * d * v;
      if (u < 1 - (C)0.0331 * square * square) break;
      if (natural_log(u) < (C)0.5 * square + d * (1 - v + natural_log(v))) break;
    }
    out[i] = store<T>(value < (C)least ? (C)least : value);
  }
}

// MARK: - Positions in proportion to weights

// keys = weight / exponential variate: their largest are drawn without replacement. One block for each row, which also finds bad weights.
template <class T> __global__ void __launch_bounds__(256) multinomial_keys(
    const T *weights, compute_t<T> *keys, i64 categories, Philox generator, DeviceError *errors, i32 operation) {
  typedef compute_t<T> C;
  typedef Drawing<C> D;
  static __shared__ i32 scratch[32];
  const i64 row = blockIdx.x;
  i32 positive = 0;
  for (i64 j = threadIdx.x; j < categories; j += 256) {
    const C weight = load(weights[row * categories + j]);
    if (!(weight >= 0) || weight - weight != 0) report(errors, bad_weights, operation, row, j, categories);
    positive |= weight > 0;
    const u64 element = (u64)(row * categories + j);
    const C u = D::to_one(philox_words(generator, element / D::each, 0), (int)(element % D::each));
    const C least = sizeof(C) == 4 ? (C)0x1p-25 : (C)0x1p-54;
    keys[row * categories + j] = weight / (u < 1 ? -natural_log(u) : least);
  }
  positive = block_all(positive, [](i32 a, i32 b) { return a | b; }, 0, scratch);
  if (threadIdx.x == 0 && !positive) report(errors, bad_weights, operation, row, -1, categories);
}

// Running sums of each row of weights, in f64; one block for each row.
template <class T> __global__ void __launch_bounds__(256) multinomial_sums(
    const T *weights, f64 *sums, i64 categories, DeviceError *errors, i32 operation) {
  static __shared__ f64 warps[8];
  const i64 row = blockIdx.x;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  f64 before = 0;
  for (i64 start = 0; start < categories; start += 256) {
    const i64 j = start + threadIdx.x;
    f64 own = 0;
    if (j < categories) {
      own = (f64)load(weights[row * categories + j]);
      if (!(own >= 0) || own - own != 0) {
        report(errors, bad_weights, operation, row, j, categories);
        own = 0;
      }
    }
    f64 sum = own;
#pragma unroll
    for (int distance = 1; distance < 32; distance <<= 1) {
      const f64 other = __shfl_up_sync(full_warp, sum, distance);
      if (lane >= distance) sum += other;
    }
    __syncthreads();
    if (lane == 31) warps[warp] = sum;
    __syncthreads();
    f64 below = before, all = before;
    for (int k = 0; k < 8; k++) {
      if (k < warp) below += warps[k];
      all += warps[k];
    }
    if (j < categories) sums[row * categories + j] = below + sum;
    before = all;
  }
  if (threadIdx.x == 0 && !(before > 0)) report(errors, bad_weights, operation, row, -1, categories);
}

// Positions drawn with replacement: where a uniform number times the total falls into the running sums.
template <class T> __global__ void __launch_bounds__(256) multinomial_search(
    const T *weights, const f64 *sums, i64 *out, i64 rows, i64 categories, i64 samples, Philox generator) {
  const i64 draw = (i64)blockIdx.x * 256 + threadIdx.x;
  if (draw >= rows * samples) return;
  const i64 row = draw / samples;
  sums += row * categories;
  weights += row * categories;
  const f64 goal = Drawing<f64>::from_zero(philox_words(generator, (u64)draw / 2, 0), (int)(draw & 1)) * sums[categories - 1];
  i64 low = 0, high = categories - 1;
  while (low < high) {
    const i64 middle = low + (high - low) / 2;
    if (sums[middle] > goal) high = middle;
    else low = middle + 1;
  }
  // Only where rounding has reached over the edge of a category.
  while (low > 0 && !(load(weights[low]) > 0)) low--;
  out[draw] = low;
}
