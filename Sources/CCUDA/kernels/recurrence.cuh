// The cells of recurrent layers: what a step does behind its matrix product, for all units of all its rows. A thread a unit.
// Values before the step and after it are those of the CPU's kernels of the same names.

DEVICE f32 recurrence_tanh(f32 x) { return tanhf(x); }
DEVICE f64 recurrence_tanh(f64 x) { return tanh(x); }
DEVICE f32 recurrence_sigmoid(f32 x) { return 1.0f / (1.0f + expf(-x)); }
DEVICE f64 recurrence_sigmoid(f64 x) { return 1.0 / (1.0 + exp(-x)); }

// i, f, g, o: gates; c' = f c + i g; h' = o tanh(c'). `input`, `product`: their two sides. `state`: where h' goes as well, or null.
template <class T> __global__ void __launch_bounds__(256) recurrence_lstm_forward(
  const T *input, const T *product, T *gates, T *cells, T *c, T *output, T *state, i64 rows, i64 hidden) {
  typedef compute_t<T> C;
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= rows * hidden) return;
  const i64 row = index / hidden, at = row * 3 * hidden + index;
  const C i = recurrence_sigmoid(load(input[at]) + load(product[at]));
  const C f = recurrence_sigmoid(load(input[at + hidden]) + load(product[at + hidden]));
  const C g = recurrence_tanh(load(input[at + 2 * hidden]) + load(product[at + 2 * hidden]));
  const C o = recurrence_sigmoid(load(input[at + 3 * hidden]) + load(product[at + 3 * hidden]));
  const C cell = f * load(c[index]) + i * g;
  gates[at] = store<T>(i);
  gates[at + hidden] = store<T>(f);
  gates[at + 2 * hidden] = store<T>(g);
  gates[at + 3 * hidden] = store<T>(o);
  cells[index] = c[index] = store<T>(cell);
  const T h = store<T>(o * recurrence_tanh(cell));
  output[index] = h;
  if (state) state[index] = h;
}

// `gradient`: what comes from later steps; `output_gradient`: what the step's own output got, or null. The cells before the step are
// those of another step for the first `alive` rows, the initial ones for the others. `c_gradient` is replaced.
template <class T> __global__ void __launch_bounds__(256) recurrence_lstm_backward(
  const T *gates, const T *cells, const T *before, const T *initial, const T *gradient, const T *output_gradient, T *c_gradient,
  T *gates_gradient, i64 rows, i64 hidden, i64 alive) {
  typedef compute_t<T> C;
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= rows * hidden) return;
  const i64 row = index / hidden, at = row * 3 * hidden + index;
  const C i = load(gates[at]), f = load(gates[at + hidden]), g = load(gates[at + 2 * hidden]), o = load(gates[at + 3 * hidden]);
  C d = load(gradient[index]);
  if (output_gradient) d += load(output_gradient[index]);
  const C t = recurrence_tanh(load(cells[index])), earlier = load((row < alive ? before : initial)[index]);
  const C cell = load(c_gradient[index]) + d * o * (1 - t * t);
  gates_gradient[at] = store<T>(cell * g * i * (1 - i));
  gates_gradient[at + hidden] = store<T>(cell * earlier * f * (1 - f));
  gates_gradient[at + 2 * hidden] = store<T>(cell * i * (1 - g * g));
  gates_gradient[at + 3 * hidden] = store<T>(d * t * o * (1 - o));
  c_gradient[index] = store<T>(cell * f);
}

// r, z, n: gates; n = tanh(input side + r times state's side); h' = n + z (h - n). `bias`: of the state's side, or null; `cells`: where
// the new gate's state side goes; `state`: h, replaced.
template <class T> __global__ void __launch_bounds__(256) recurrence_gru_forward(
  const T *input, const T *product, const T *bias, T *gates, T *cells, T *output, T *state, i64 rows, i64 hidden) {
  typedef compute_t<T> C;
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= rows * hidden) return;
  const i64 row = index / hidden, unit = index - row * hidden, at = row * 2 * hidden + index;
  C r = load(product[at]), z = load(product[at + hidden]), side = load(product[at + 2 * hidden]);
  if (bias) r += load(bias[unit]), z += load(bias[unit + hidden]), side += load(bias[unit + 2 * hidden]);
  r = recurrence_sigmoid(load(input[at]) + r);
  z = recurrence_sigmoid(load(input[at + hidden]) + z);
  const C n = recurrence_tanh(load(input[at + 2 * hidden]) + r * side);
  gates[at] = store<T>(r);
  gates[at + hidden] = store<T>(z);
  gates[at + 2 * hidden] = store<T>(n);
  cells[index] = store<T>(side);
  output[index] = state[index] = store<T>(n + z * (load(state[index]) - n));
}

// Leaves in `gradient` the part that goes past the gates.
template <class T> __global__ void __launch_bounds__(256) recurrence_gru_backward(
  const T *gates, const T *cells, const T *before, const T *initial, T *gradient, const T *output_gradient, T *gates_gradient,
  T *state_gates_gradient, i64 rows, i64 hidden, i64 alive) {
  typedef compute_t<T> C;
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= rows * hidden) return;
  const i64 row = index / hidden, at = row * 2 * hidden + index;
  const C r = load(gates[at]), z = load(gates[at + hidden]), n = load(gates[at + 2 * hidden]);
  C d = load(gradient[index]);
  if (output_gradient) d += load(output_gradient[index]);
  const C earlier = load((row < alive ? before : initial)[index]);
  const C dn = d * (1 - z) * (1 - n * n), dr = dn * load(cells[index]) * r * (1 - r), dz = d * (earlier - n) * z * (1 - z);
  gates_gradient[at] = state_gates_gradient[at] = store<T>(dr);
  gates_gradient[at + hidden] = state_gates_gradient[at + hidden] = store<T>(dz);
  gates_gradient[at + 2 * hidden] = store<T>(dn);
  state_gates_gradient[at + 2 * hidden] = store<T>(dn * r);
  gradient[index] = store<T>(d * z);
}

// h' = tanh(a) or max(a, 0); a NaN passes both.
template <class T> __global__ void __launch_bounds__(256)
recurrence_plain_forward(const T *input, const T *product, T *output, T *state, i64 count, i32 is_tanh) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= count) return;
  const compute_t<T> a = load(input[index]) + load(product[index]);
  output[index] = state[index] = store<T>(is_tanh ? recurrence_tanh(a) : (a < 0 ? (compute_t<T>)0 : a));
}

template <class T> __global__ void __launch_bounds__(256) recurrence_plain_backward(
  const T *output, const T *gradient, const T *output_gradient, T *gates_gradient, i64 count, i32 is_tanh) {
  typedef compute_t<T> C;
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index >= count) return;
  C d = load(gradient[index]);
  if (output_gradient) d += load(output_gradient[index]);
  const C y = load(output[index]);
  gates_gradient[index] = store<T>(is_tanh ? d * (1 - y * y) : (y <= 0 ? (C)0 : d));
}

// The gradient of a projected h: that from later steps and that of the output, or null.
template <class T> __global__ void __launch_bounds__(256) recurrence_add(const T *a, const T *b, T *sum, i64 count) {
  const i64 index = (i64)blockIdx.x * 256 + threadIdx.x;
  if (index < count) sum[index] = b ? store<T>(load(a[index]) + load(b[index])) : a[index];
}
