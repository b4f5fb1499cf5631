import CEmberSpectral
import EmberCUDA
import EmberRuntime
import EmberTensor

/// False if there is no memory for it.
typealias TransformKernel = @Sendable (any Backend, FourierTransform) -> Bool

private let complexKernels = KernelTable<TransformKernel>(
  "fft", cpu: { ember_fft_complex($1.isDouble, Int64($1.outer), Int64($1.n), Int64($1.inner), $1.input, $1.output, $1.inverse, $1.scale) },
  cuda: { ($0 as! CUDABackend).fourier($1) })
private let realToComplexKernels = KernelTable<TransformKernel>(
  "rfft",
  cpu: { ember_fft_real_to_complex($1.isDouble, Int64($1.outer), Int64($1.n), Int64($1.inner), $1.input, $1.output, $1.inverse, $1.scale) },
  cuda: { ($0 as! CUDABackend).fourierOfReal($1) })
private let complexToRealKernels = KernelTable<TransformKernel>(
  "irfft",
  cpu: { ember_fft_complex_to_real($1.isDouble, Int64($1.outer), Int64($1.n), Int64($1.inner), $1.input, $1.output, $1.inverse, $1.scale) },
  cuda: { ($0 as! CUDABackend).fourierToReal($1) })

/// Runs a kernel along `dimension`, which has `n` signal elements; the result has `extent` there.
private func transformed(
  _ x: Tensor, _ table: KernelTable<TransformKernel>, dimension: Int, n: Int, extent: Int, dtype: DType, inverse: Bool, scale: Double
) throws(EmberError) -> Tensor {
  let y = try Tensor.empty(shape: x.shape.replacing(dimension, with: extent), dtype: dtype, like: x)
  guard let kernel = try table.kernel(on: x.device), y.elementCount > 0 else { return y }
  let source = try x.dense()
  let outer = x.shape.product(0..<dimension)
  let inner = x.shape.product((dimension + 1)..<x.rank)
  let isDouble = dtype.realType == .float64
  let done = withExtendedLifetime(source) {
    kernel(
      x.backend,
      FourierTransform(
        isDouble: isDouble, outer: outer, n: n, inner: inner, input: source.operand.pointer, output: y.operand.pointer, inverse: inverse,
        scale: scale))
  }
  if !done { throw EmberError(.memory, in: "fft", "no memory for a transform of \(n) elements") }
  return y
}

/// The discrete Fourier transform of complex values along several dimensions, times `scale`.
struct ComplexTransform: UnaryOperation {
  static let name = "fft"
  let dimensions: [Int]
  let inverse: Bool
  let scale: Double

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    var y = x
    for (i, dimension) in dimensions.enumerated() {
      y = try transformed(
        y, complexKernels, dimension: dimension, n: x.shape[dimension], extent: x.shape[dimension], dtype: x.dtype, inverse: inverse,
        scale: i == 0 ? scale : 1)
    }
    return y
  }

  /// The adjoint of a transform is the one in the other direction.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(ComplexTransform(dimensions: dimensions, inverse: !inverse, scale: scale), gradient)
  }
}

/// The first n/2 + 1 values of the transform of real ones.
struct RealToComplexTransform: UnaryOperation {
  static let name = "rfft"
  let dimension: Int
  let inverse: Bool
  let scale: Double

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let n = x.shape[dimension]
    return try transformed(
      x, realToComplexKernels, dimension: dimension, n: n, extent: n / 2 + 1, dtype: x.dtype.complexType, inverse: inverse, scale: scale)
  }

  /// Re Σₖ gₖ e^{±…} over the half spectrum: a transform to real values counts the ones inside twice.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let n = context.inputShape(0)[dimension]
    let halved = gradient * insideWeights(0.5, n, dimension, gradient)
    return apply(ComplexToRealTransform(dimension: dimension, n: n, inverse: !inverse, scale: scale), halved)
  }
}

/// Real values from the first n/2 + 1 of their transform.
struct ComplexToRealTransform: UnaryOperation {
  static let name = "irfft"
  let dimension: Int
  let n: Int
  let inverse: Bool
  let scale: Double

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    try transformed(
      x, complexToRealKernels, dimension: dimension, n: n, extent: n, dtype: x.dtype.realType, inverse: inverse, scale: scale)
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let spectrum = apply(RealToComplexTransform(dimension: dimension, inverse: !inverse, scale: scale), gradient)
    return spectrum * insideWeights(2, n, dimension, spectrum)
  }
}

/// `weight` for the values of a half spectrum that stand for two, 1 for the first and, if n is even, the last.
private func insideWeights(_ weight: Double, _ n: Int, _ dimension: Int, _ spectrum: Tensor) -> Tensor {
  let position = Tensor.arange(n / 2 + 1, on: spectrum.device)
  let isSingle = (position .== 0) | (position * 2 .== Scalar.integer(Int64(n)))
  let dtype = spectrum.dtype.realType
  let weights = Tensor.full([n / 2 + 1], .real(weight), dtype: dtype, on: spectrum.device).maskedFill(isSingle, 1)
  return weights.reshape([n / 2 + 1] + Array(repeating: 1, count: spectrum.rank - dimension - 1))
}

// MARK: - Batches: the dimensions lie one further behind.

extension ComplexTransform {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.shape(0).rank < maximumRank else { return nil }
    return [apply(ComplexTransform(dimensions: dimensions.map { $0 + 1 }, inverse: inverse, scale: scale), batch[0])]
  }
}

extension RealToComplexTransform {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.shape(0).rank < maximumRank else { return nil }
    return [apply(RealToComplexTransform(dimension: dimension + 1, inverse: inverse, scale: scale), batch[0])]
  }
}

extension ComplexToRealTransform {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.shape(0).rank < maximumRank else { return nil }
    return [apply(ComplexToRealTransform(dimension: dimension + 1, n: n, inverse: inverse, scale: scale), batch[0])]
  }
}
