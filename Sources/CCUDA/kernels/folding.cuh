// Sliding windows of planes as columns, and columns added up again.

struct Folding {
  i64 planes, image[2], blocks[2], kernel[2], stride[2], padding[2], dilation[2];
};

// columns [planes, kernel, blocks] from images [planes, image]. Padding is 0. blockIdx.x: block positions; blockIdx.y and z share out
// planes times kernel positions.
template <class T> __global__ void __launch_bounds__(256) unfold_windows(Folding f, const T *__restrict__ images, T *columns) {
  const i64 blocks = f.blocks[0] * f.blocks[1], kernel = f.kernel[0] * f.kernel[1], rows = f.planes * kernel;
  const i64 block = (i64)blockIdx.x * 256 + threadIdx.x;
  if (block >= blocks) return;
  const i64 oh = block / f.blocks[1], ow = block - oh * f.blocks[1];
  for (i64 row = (i64)blockIdx.z * gridDim.y + blockIdx.y; row < rows; row += (i64)gridDim.y * gridDim.z) {
    const i64 plane = row / kernel, tap = row - plane * kernel, kh = tap / f.kernel[1], kw = tap - kh * f.kernel[1];
    const i64 h = oh * f.stride[0] + kh * f.dilation[0] - f.padding[0], w = ow * f.stride[1] + kw * f.dilation[1] - f.padding[1];
    const bool inside = h >= 0 && h < f.image[0] && w >= 0 && w < f.image[1];
    columns[row * blocks + block] = inside ? images[(plane * f.image[0] + h) * f.image[1] + w] : T();
  }
}

template <class T> DEVICE T added(T a, T b) { return a + b; }
template <class R> DEVICE complex<R> added(complex<R> a, complex<R> b) { return complex<R>{a.re + b.re, a.im + b.im}; }

// The transpose: every element of an image gathers those columns that hold it.
template <class T> __global__ void __launch_bounds__(256) fold_windows(Folding f, const T *__restrict__ columns, T *images) {
  const i64 pixels = f.image[0] * f.image[1], blocks = f.blocks[0] * f.blocks[1], kernel = f.kernel[0] * f.kernel[1];
  const i64 pixel = (i64)blockIdx.x * 256 + threadIdx.x;
  if (pixel >= pixels) return;
  const i32 h = (i32)(pixel / f.image[1]), w = (i32)(pixel - (i64)h * f.image[1]);
  for (i64 plane = (i64)blockIdx.z * gridDim.y + blockIdx.y; plane < f.planes; plane += (i64)gridDim.y * gridDim.z) {
    T sum = T();
    for (i32 kh = 0; kh < (i32)f.kernel[0]; kh++) {
      const i32 top = h + (i32)f.padding[0] - kh * (i32)f.dilation[0], oh = top / (i32)f.stride[0];
      if (top < 0 || top != oh * (i32)f.stride[0] || oh >= (i32)f.blocks[0]) continue;
      for (i32 kw = 0; kw < (i32)f.kernel[1]; kw++) {
        const i32 left = w + (i32)f.padding[1] - kw * (i32)f.dilation[1], ow = left / (i32)f.stride[1];
        if (left < 0 || left != ow * (i32)f.stride[1] || ow >= (i32)f.blocks[1]) continue;
        const i64 tap = (i64)kh * f.kernel[1] + kw;
        sum = added(sum, columns[(plane * kernel + tap) * blocks + (i64)oh * f.blocks[1] + ow]);
      }
    }
    images[plane * pixels + pixel] = sum;
  }
}

// Frames [batch, frames, frame_length] added up at distances of `hop`, to signals [batch, length]; every element gathers the frames that
// hold it, in their order. Complex numbers are two parts.
template <class T> __global__ void __launch_bounds__(256) overlap_add(
    const T *x, T *y, i64 frames, i64 frame_length, i64 hop, i64 parts, i64 length, i64 count) {
  const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= count) return;
  const i64 element = index / parts, part = index - element * parts, row = element / length, position = element - row * length;
  const i64 last = min(frames - 1, position / hop), first = position < frame_length ? 0 : (position - frame_length) / hop + 1;
  T sum = 0;
  for (i64 f = first; f <= last; f++) sum += x[((row * frames + f) * frame_length + position - f * hop) * parts + part];
  y[index] = sum;
}
