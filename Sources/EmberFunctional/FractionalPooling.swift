import CEmberFunctional
import EmberRuntime
import EmberTensor

/// The largest value of each window, where windows lie at pseudo-random distances. Inputs: x [planes, spatial...] and numbers in 0 ..< 1,
/// one for each spatial dimension of each plane, innermost dimension first for images. Outputs: values and positions in the plane (int64).
struct FractionalMaxPool: VariadicOperation {
  static let name = "fractional_max_pool"
  static let kernels = KernelTable<@Sendable (ember_fractional_pooling, Tensor, Tensor, Tensor, Tensor) -> Void>(
    name,
    cpu: { p, x, samples, y, indices in
      withUnsafePointer(to: p) {
        ember_fractional_max_pool(
          Int32(x.dtype.rawValue), $0, x.operand.pointer, samples.operand.pointer, y.operand.pointer,
          indices.operand.pointer!.assumingMemoryBound(to: Int64.self))
      }
    },
    cuda: cudaKernel)
  let kernel: [Int]
  let output: [Int]
  let saved: SavedTensors = .output(1)
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, input = Array(x.shape.dropFirst())
    let shape = try checkedShape([x.shape[0]] + output, in: Self.name)
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: shape, dtype: .int64, like: x)
    if let run = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      func triple(_ list: [Int]) -> (Int64, Int64, Int64) {
        list.count == 3 ? (Int64(list[0]), Int64(list[1]), Int64(list[2])) : (1, Int64(list[0]), Int64(list[1]))
      }
      let pooling = ember_fractional_pooling(
        rank: Int32(input.count), planes: Int64(x.shape[0]), input: triple(input), output: triple(output), kernel: triple(kernel))
      run(pooling, try x.dense(), try inputs[1]!.dense(), y, indices)
    }
    return [y, indices]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil] }
    let shape = context.inputShape(0), planes = shape[0]
    let zeros = Tensor.zeros([planes, shape.product(1..<shape.rank)], dtype: g.dtype, on: g.device)
    let flat = zeros.scatterAdd(dim: 1, index: context.output(1).detach().flatten(1), source: g.flatten(1))
    return [flat.reshape(Array(shape)), nil]
  }
}

extension Tensor {
  /// Max pooling to given extents, with windows at pseudo-random distances; Graham, arXiv:1412.6071.
  ///
  /// Self is [batch, channels, spatial...] or [channels, spatial...] with two or three spatial dimensions.
  /// - Parameters:
  ///   - outputSize: the result's spatial extents; or give `outputRatio`, what they are of the input's, between 0 and 1.
  ///   - samples: numbers in 0 ..< 1, [batch, channels, dimensions]; drawn if not given.
  /// - Returns: the values and their positions in the flattened plane (int64).
  public func fractionalMaxPool(
    _ dimensions: Int, _ kernelSize: any SpatialExtents, outputSize: (any SpatialExtents)? = nil, outputRatio: [Double]? = nil,
    samples: Tensor? = nil, generator: Generator? = nil
  ) -> (values: Tensor, indices: Tensor) {
    let name = "fractional_max_pool\(dimensions)d"
    guard mayRunSlowly(name, [self, samples]) else { return (.poison, .poison) }
    if let inputs = Autocast.converted(name, [self, samples]) {
      return inputs[0]!.fractionalMaxPool(
        dimensions, kernelSize, outputSize: outputSize, outputRatio: outputRatio, samples: inputs[1], generator: generator)
    }
    do throws(EmberError) {
      guard dimensions == 2 || dimensions == 3, rank == dimensions + 1 || rank == dimensions + 2, !shape.suffix(dimensions + 1).contains(0)
      else {
        throw EmberError(
          .shape, in: name,
          "input \(summary): it must be [batch, channels, ...] or [channels, ...] with \(dimensions) spatial dimensions; "
            + "only the batch may be empty"
        )
      }
      guard dtype.isFloatingPoint, !dtype.isStorageOnly else {
        throw EmberError(.dtype, in: name, "input \(summary) is not floating point")
      }
      let input = Array(shape.suffix(dimensions))
      let kernel = try resolve(kernelSize, dimensions, "kernelSize", atLeast: 1, in: name)
      let output: [Int]
      if let outputSize {
        output = try resolve(outputSize, dimensions, "outputSize", atLeast: 1, in: name)
      } else if let outputRatio, outputRatio.count == 1 || outputRatio.count == dimensions, outputRatio.allSatisfy({ $0 > 0 && $0 < 1 }) {
        output = input.enumerated().map { Int(Double($0.element) * outputRatio[outputRatio.count == 1 ? 0 : $0.offset]) }
      } else {
        throw EmberError(.value, in: name, "give outputSize, or outputRatio between 0 and 1, for \(dimensions) dimensions")
      }
      for d in 0..<dimensions where output[d] < 1 || output[d] + kernel[d] - 1 > input[d] {
        throw EmberError(.value, in: name, "input \(summary) is too small for outputs \(output) with kernel \(kernel)")
      }
      let batch = rank == dimensions + 2 ? shape[0] : 1, channels = shape[rank - dimensions - 1]
      var drawn = samples ?? Tensor.rand([batch, channels, dimensions], dtype: dtype, on: device, generator: generator)
      // As PyTorch: a volume without a batch takes the first of several samples.
      if dimensions == 3, rank == 4, drawn.rank == 3, drawn.shape[0] > 1 { drawn = drawn.narrow(0, start: 0, length: 1) }
      guard Array(drawn.shape) == [batch, channels, dimensions], drawn.dtype == dtype else {
        throw EmberError(.shape, in: name, "samples \(drawn.summary); they must be \(dtype)[\(batch), \(channels), \(dimensions)]")
      }
      let operation = FractionalMaxPool(kernel: kernel, output: output)
      let results = apply(operation, [reshape([batch * channels] + input), drawn.reshape([batch * channels, dimensions])], count: 2)
      let shape = Array(self.shape.dropLast(dimensions)) + output
      return (results[0].reshape(shape), results[1].reshape(shape))
    } catch {
      raise(error)
      return (.poison, .poison)
    }
  }
}

extension OperatorRegistry {
  mutating func addFractionalPooling() {
    for n in [2, 3] {
      let arguments =
        "Tensor input, int[\(n)] kernel_size, int[\(n)]? output_size=None, float[\(n)]? output_ratio=None, "
        + "bool return_indices=False, Tensor? _random_samples=None"
      add("torch.nn.functional.fractional_max_pool\(n)d(\(arguments)) -> Any") {
        (x: Tensor, kernel: [Int], size: [Int]?, ratio: [Double]?, wantsIndices: Bool, samples: Tensor?) -> OperatorValue in
        let (values, indices) = x.fractionalMaxPool(n, kernel, outputSize: size, outputRatio: ratio, samples: samples)
        return wantsIndices ? .list([.tensor(values), .tensor(indices)]) : .tensor(values)
      }
      add("torch.nn.functional.fractional_max_pool\(n)d_with_indices(\(arguments)) -> (Tensor, Tensor)") {
        (x: Tensor, kernel: [Int], size: [Int]?, ratio: [Double]?, _: Bool, samples: Tensor?) in
        let (values, indices) = x.fractionalMaxPool(n, kernel, outputSize: size, outputRatio: ratio, samples: samples)
        return (values, indices)
      }
      add(
        "aten::fractional_max_pool\(n)d(Tensor self, int[\(n)] kernel_size, int[\(n)] output_size, "
          + "Tensor random_samples) -> (Tensor, Tensor)"
      ) {
        (x: Tensor, kernel: [Int], size: [Int], samples: Tensor) in
        let (values, indices) = x.fractionalMaxPool(n, kernel, outputSize: size, samples: samples)
        return (values, indices)
      }
    }
  }
}
