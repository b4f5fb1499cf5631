// Connectionist temporal classification (Graves et al., 2006): sums over the alignments of label sequences with log-probabilities
// x [time, batch, classes]. A block to a sequence; its states are the labels with blanks between, before and after them.

DEVICE f32 exponential(f32 x) { return expf(x); }
DEVICE f64 exponential(f64 x) { return exp(x); }
DEVICE f32 logarithm(f32 x) { return logf(x); }
DEVICE f64 logarithm(f64 x) { return log(x); }

template <class T> DEVICE T log_sum(T a, T b, T c) {
  T most = a > b ? a : b;
  if (c > most) most = c;
  if (most == -(T)INFINITY) most = 0;
  return logarithm(exponential(a - most) + exponential(b - most) + exponential(c - most)) + most;
}

// Laid out as `CTCProblem` of EmberCUDA.
struct Alignments {
  i64 time, batch, classes, blank, longest;
  const i64 *targets, *target_offsets, *input_lengths, *target_lengths;

  DEVICE i64 states(i64 item) const { return 2 * target_lengths[item] + 1; }
  DEVICE i64 width() const { return 2 * longest + 1; }
  DEVICE i64 label(i64 item, i64 s) const { return s % 2 == 0 ? blank : targets[target_offsets[item] + s / 2]; }
};

// losses [batch], alpha [batch, time, width].
template <class T> __global__ void __launch_bounds__(256) ctc_forward(Alignments p, const T *x, T *losses, T *alpha) {
  const i64 item = blockIdx.x, states = p.states(item), width = p.width(), time = p.input_lengths[item], step = p.batch * p.classes;
  x += item * p.classes;
  alpha += item * p.time * width;
  const T none = -(T)INFINITY;
  for (i64 i = threadIdx.x; i < p.time * width; i += blockDim.x) {
    T value = none;
    if (time > 0 && i < 2 && i < states) value = x[p.label(item, i)];
    alpha[i] = value;
  }
  __syncthreads();
  for (i64 t = 1; t < time; t++) {
    const T *before = alpha + (t - 1) * width;
    for (i64 s = threadIdx.x; s < states; s += blockDim.x) {
      const i64 label = p.label(item, s);
      const T one = s > 0 ? before[s - 1] : none;
      const T two = s > 1 && p.label(item, s - 2) != label ? before[s - 2] : none;
      alpha[t * width + s] = log_sum(before[s], one, two) + x[t * step + label];
    }
    __syncthreads();
  }
  if (threadIdx.x) return;
  const T *last = alpha + (time - 1) * width;
  losses[item] = time == 0 ? (states == 1 ? (T)0 : -none) : -log_sum(last[states - 1], states > 1 ? last[states - 2] : none, none);
}

// dx as x. `work`: three numbers for each state of each sequence; `chains`: for each the next state of the same label, with the top bit
// set where an earlier one exists.
template <class T> __global__ void __launch_bounds__(256) ctc_backward(
    Alignments p, const T *x, const T *dy, const T *losses, const T *alpha, T *dx, T *work, u32 *chains, i32 zero_infinity) {
  __shared__ T scratch[32];
  const i64 item = blockIdx.x, states = p.states(item), width = p.width(), time = p.input_lengths[item], step = p.batch * p.classes;
  const u32 is_later = 0x80000000u;
  x += item * p.classes;
  dx += item * p.classes;
  alpha += item * p.time * width;
  chains += item * width;
  T *next = work + item * 3 * width, *beta = next + width, *joined = beta + width;
  const T none = -(T)INFINITY, loss = losses[item], gradient = dy[item];
  const bool is_skipped = zero_infinity && isinf(loss);
  for (i64 t = is_skipped ? 0 : time; t < p.time; t++)
    for (i64 k = threadIdx.x; k < p.classes; k += blockDim.x) dx[t * step + k] = 0;
  if (is_skipped) return;
  for (i64 s = threadIdx.x; s < states; s += blockDim.x) {
    const i64 label = p.label(item, s);
    u32 chain = 0;
    // Blanks are added up by all threads together.
    if (label != p.blank) {
      for (i64 k = s + 2; k < states && !chain; k += 2)
        if (p.label(item, k) == label) chain = (u32)k;
      for (i64 k = s - 2; k >= 0; k -= 2)
        if (p.label(item, k) == label) {
          chain |= is_later;
          break;
        }
    }
    chains[s] = chain;
  }
  const auto slope = [&](T log_probability, T sum) {
    return (exponential(log_probability) - exponential(sum + loss - log_probability)) * gradient;
  };
  for (i64 t = time - 1; t >= 0; t--) {
    T most = none;
    for (i64 s = threadIdx.x; s < states; s += blockDim.x) {
      const i64 label = p.label(item, s);
      const T own = x[t * step + label];
      T value;
      if (t == time - 1) {
        value = s >= states - 2 ? own : none;
      } else {
        const T one = s < states - 1 ? next[s + 1] : none;
        const T two = s < states - 2 && p.label(item, s + 2) != label ? next[s + 2] : none;
        value = log_sum(next[s], one, two) + own;
      }
      beta[s] = value;
      joined[s] = alpha[t * width + s] + value;
      if (label == p.blank && joined[s] > most) most = joined[s];
    }
    for (i64 k = threadIdx.x; k < p.classes; k += blockDim.x) dx[t * step + k] = slope(x[t * step + k], none);
    most = block_all(most, [](T a, T b) { return b > a ? b : a; }, none, scratch);
    if (most == none) most = 0;
    T sum = 0;
    for (i64 s = threadIdx.x; s < states; s += blockDim.x)
      if (p.label(item, s) == p.blank) sum += exponential(joined[s] - most);
    sum = block_all(sum, [](T a, T b) { return a + b; }, (T)0, scratch);
    __syncthreads();
    if (threadIdx.x == 0) dx[t * step + p.blank] = slope(x[t * step + p.blank], logarithm(sum) + most);
    for (i64 s = 1 + 2 * (i64)threadIdx.x; s < states; s += 2 * (i64)blockDim.x) {
      const i64 label = p.label(item, s);
      if (label == p.blank || chains[s] & is_later) continue;
      T total = joined[s];
      for (i64 k = chains[s]; k; k = chains[k] & ~is_later) total = log_sum(total, joined[k], none);
      dx[t * step + label] = slope(x[t * step + label], total);
    }
    __syncthreads();
    T *exchanged = next;
    next = beta;
    beta = exchanged;
  }
}
