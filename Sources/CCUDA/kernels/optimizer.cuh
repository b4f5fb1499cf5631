// Optimizer steps over lists of tensors: what torch.optim does with fused=True. All tensors of a list are of one dtype.

static const int tensors_of_list = 64;
static const int elements_of_block = 16384;

// Up to 64 tensors, cut into chunks of `elements_of_block` elements, a block each. Of the arrays, 0: parameters, 1: gradients, then what
// the rule keeps. Tensor i has the blocks first_block[i] ..< first_block[i + 1].
struct TensorList {
  void *arrays[5][tensors_of_list];
  i64 counts[tensors_of_list];
  u32 first_block[tensors_of_list + 1];
  i32 tensors;
};

struct ListPart {
  int tensor;
  i64 first, end;
};

DEVICE ListPart part_of_block(const TensorList &list) {
  int low = 0, high = list.tensors;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (list.first_block[middle] <= blockIdx.x) low = middle;
    else high = middle;
  }
  const i64 first = (i64)(blockIdx.x - list.first_block[low]) * elements_of_block;
  return ListPart{low, first, min(list.counts[low], first + elements_of_block)};
}

// Calls body(values) for every element of the block's part: `arrays` values that are read and written back, but for the gradient.
template <class T, int Arrays, class F> DEVICE void update_part(const TensorList &list, F body) {
  typedef compute_t<T> S;
  const int N = 16 / sizeof(T);
  const ListPart part = part_of_block(list);
  T *arrays[Arrays];
  u64 addresses = 0;
  for (int k = 0; k < Arrays; k++) {
    arrays[k] = (T *)list.arrays[k][part.tensor];
    addresses |= (u64)arrays[k];
  }
  i64 vectors_end = part.first;
  if (addresses % 16 == 0) {
    vectors_end = part.first + (part.end - part.first) / N * N;
    for (i64 i = part.first + (i64)threadIdx.x * N; i < vectors_end; i += (i64)blockDim.x * N) {
      Vector<T, N> held[Arrays];
#pragma unroll
      for (int k = 0; k < Arrays; k++) held[k] = *(const Vector<T, N> *)(arrays[k] + i);
#pragma unroll
      for (int u = 0; u < N; u++) {
        S values[Arrays];
        for (int k = 0; k < Arrays; k++) values[k] = load(held[k].at[u]);
        body(values);
        for (int k = 0; k < Arrays; k++)
          if (k != 1) held[k].at[u] = store<T>(values[k]);
      }
#pragma unroll
      for (int k = 0; k < Arrays; k++)
        if (k != 1) *(Vector<T, N> *)(arrays[k] + i) = held[k];
    }
  }
  for (i64 i = vectors_end + threadIdx.x; i < part.end; i += blockDim.x) {
    S values[Arrays];
    for (int k = 0; k < Arrays; k++) values[k] = load(arrays[k][i]);
    body(values);
    for (int k = 0; k < Arrays; k++)
      if (k != 1) arrays[k][i] = store<T>(values[k]);
  }
}

DEVICE f32 multiply_add(f32 a, f32 b, f32 c) { return fmaf(a, b, c); }
DEVICE f64 multiply_add(f64 a, f64 b, f64 c) { return fma(a, b, c); }
DEVICE f32 square_root(f32 x) { return sqrtf(x); }
DEVICE f64 square_root(f64 x) { return sqrt(x); }

// Adam and AdamW; Kingma and Ba, 2015, arXiv:1412.6980; Loshchilov and Hutter, 2019, arXiv:1711.05101. The arrays that are kept: the
// running averages of the gradient and of its square, and with amsgrad the largest of the latter.
struct AdamNumbers {
  f64 rate;    // learning rate over the average's correction
  f64 root;    // reciprocal root of the square's correction
  f64 move;    // 1 - β₁
  f64 keep, add;  // β₂ and 1 - β₂
  f64 epsilon;
  f64 shrink;  // of the parameter: decoupled weight decay
  f64 decay;   // joins the gradient
  f64 sign;    // of the gradient
};

template <class T, bool Amsgrad> __global__ void __launch_bounds__(512) adam_step(const TensorList list, const AdamNumbers numbers) {
  typedef compute_t<T> S;
  const S rate = (S)numbers.rate, root = (S)numbers.root, move = (S)numbers.move, keep = (S)numbers.keep, add = (S)numbers.add;
  const S epsilon = (S)numbers.epsilon, shrink = (S)numbers.shrink, decay = (S)numbers.decay, sign = (S)numbers.sign;
  update_part<T, Amsgrad ? 5 : 4>(list, [&](S *values) {
    const S p = values[0] * shrink, g = multiply_add(decay, p, values[1] * sign);
    const S m = multiply_add(g - values[2], move, values[2]), v = multiply_add(g * add, g, values[3] * keep);
    S second = v;
    if (Amsgrad) {
      // Greater or NaN: what a NaN leaves behind must show.
      second = values[Amsgrad ? 4 : 0] > v ? values[Amsgrad ? 4 : 0] : v;
      values[Amsgrad ? 4 : 0] = second;
    }
    values[0] = p - m * rate / multiply_add(square_root(second), root, epsilon);
    values[2] = m;
    values[3] = v;
  });
}

// Sutskever et al., 2013. With momentum the array that is kept is its buffer, which at the first step becomes the gradient.
struct SGDNumbers {
  f64 rate, momentum, keep, decay, sign;  // keep: 1 - dampening
  i32 nesterov, first;
};

template <class T, bool Momentum> __global__ void __launch_bounds__(512) sgd_step(const TensorList list, const SGDNumbers numbers) {
  typedef compute_t<T> S;
  const S rate = (S)numbers.rate, momentum = (S)numbers.momentum, keep = (S)numbers.keep, decay = (S)numbers.decay, sign = (S)numbers.sign;
  update_part<T, Momentum ? 3 : 2>(list, [&](S *values) {
    S d = multiply_add(decay, values[0], values[1] * sign);
    if (Momentum) {
      const S m = numbers.first ? d : multiply_add(momentum, values[Momentum ? 2 : 0], d * keep);
      values[Momentum ? 2 : 0] = m;
      d = numbers.nesterov ? multiply_add(momentum, m, d) : m;
    }
    values[0] = multiply_add(-rate, d, values[0]);
  });
}
