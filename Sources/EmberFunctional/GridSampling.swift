import CEmberFunctional
import EmberRuntime
import EmberTensor

/// How `gridSample` computes values between those of the input.
public enum GridSampleMode: Int, Sendable {
  case bilinear = 0, nearest = 1, bicubic = 2
}

/// What `gridSample` takes for positions outside of the input.
public enum GridSamplePadding: Int, Sendable {
  case zeros = 0, border = 1, reflection = 2
}

/// Inputs: x [batch, channels, spatial...], grid [batch, output..., rank], both float32 or float64.
struct GridSample: BinaryOperation {
  static let name = "grid_sampler"
  static let kernels = KernelTable<@Sendable (GridSample, Tensor, Tensor, Tensor) -> Void>(
    name,
    cpu: { op, x, grid, y in
      var sampling = op.described(x.shape, grid.shape)
      ember_grid_sample(Int32(x.dtype.rawValue), &sampling, x.operand.pointer, grid.operand.pointer, y.operand.pointer)
    })
  let saved: SavedTensors = [.input0, .input1]
  let mode: GridSampleMode
  let padding: GridSamplePadding
  let alignsCorners: Bool

  func described(_ x: Shape, _ grid: Shape) -> ember_grid_sampling {
    let rank = x.rank - 2
    return ember_grid_sampling(
      rank: Int32(rank), mode: Int32(mode.rawValue), outside: Int32(padding.rawValue), align_corners: alignsCorners, batch: Int64(x[0]),
      channels: Int64(x[1]), points: Int64(grid.product(1..<(grid.rank - 1))),
      input: (rank == 3 ? Int64(x[2]) : 1, Int64(x[rank]), Int64(x[rank + 1])))
  }

  func forward(_ x: Tensor, _ grid: Tensor) throws(EmberError) -> Tensor {
    let y = try Tensor.empty(shape: Shape([x.shape[0], x.shape[1]] + grid.shape.dropFirst().dropLast()), dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 { kernel(self, try x.dense(), try grid.dense(), y) }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let inputs: [Tensor?] = [gradient, context.input(0), context.input(1)]
    let dx = context.needs(0) ? apply(GridSampleBackward(sampling: self, ofGrid: false), inputs)[0] : nil
    return (dx, context.needs(1) ? apply(GridSampleBackward(sampling: self, ofGrid: true), inputs)[0] : nil)
  }
}

/// The gradient of the input or of the grid. Inputs: the gradient of the result, x, grid.
struct GridSampleBackward: VariadicOperation {
  static let name = "grid_sampler_backward"
  static let kernels = KernelTable<@Sendable (GridSampleBackward, [Tensor], Tensor) -> Void>(
    name,
    cpu: { op, x, result in
      var sampling = op.sampling.described(x[1].shape, x[2].shape)
      let dtype = Int32(result.dtype.rawValue)
      if op.ofGrid {
        ember_grid_sample_backward_grid(
          dtype, &sampling, x[0].operand.pointer, x[1].operand.pointer, x[2].operand.pointer, result.operand.pointer)
      } else {
        ember_grid_sample_backward_input(dtype, &sampling, x[0].operand.pointer, x[2].operand.pointer, result.operand.pointer)
      }
    })
  let sampling: GridSample
  let ofGrid: Bool

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let like = inputs[ofGrid ? 2 : 1]!
    let result = try Tensor.empty(shape: like.shape, dtype: like.dtype, like: like)
    if let kernel = try Self.kernels.kernel(on: like.device), result.elementCount > 0 {
      var dense: [Tensor] = []
      for input in inputs { dense.append(try input!.dense()) }
      kernel(self, dense, result)
    }
    return [result]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    raise(EmberError(.unsupported, in: Self.name, "has no derivative of its own: grid sampling can be differentiated once"))
    return [nil, nil, nil]
  }
}

extension Tensor {
  /// Values of this tensor [batch, channels, height, width] at the positions of `grid` [batch, output height, output width, 2]: pairs x,
  /// y in -1 ... 1. With a depth before height everywhere, triples x, y, z. Jaderberg et al., arXiv:1506.02025.
  ///
  /// - Parameters:
  ///   - alignCorners: -1 and 1 are the centres of the corner elements; otherwise their outer edges.
  public func gridSample(
    _ grid: Tensor, mode: GridSampleMode = .bilinear, paddingMode: GridSamplePadding = .zeros, alignCorners: Bool = false
  ) -> Tensor {
    let name = "grid_sampler"
    guard mayRunSlowly(name, [self, grid]) else { return .poison }
    let cast = Autocast.asOne(name, [self, grid]) {
      $0[0]!.gridSample($0[1]!, mode: mode, paddingMode: paddingMode, alignCorners: alignCorners)
    }
    if let cast { return cast }
    return attempt { () throws(EmberError) in
      guard rank == 4 || rank == 5, grid.rank == rank, grid.shape[0] == shape[0], grid.shape[-1] == rank - 2 else {
        throw EmberError(
          .shape, in: name,
          "input \(summary) and grid \(grid.summary): [batch, channels, height, width] goes with "
            + "[batch, out height, out width, 2], volumes with triples"
        )
      }
      guard dtype == grid.dtype, dtype.isFloatingPoint, !dtype.isStorageOnly else {
        throw EmberError(.dtype, in: name, "input \(summary) and grid \(grid.summary) must be of one floating-point dtype")
      }
      guard !shape.dropFirst(2).contains(0) else { throw EmberError(.shape, in: name, "input \(summary): spatial extents must not be 0") }
      let operation = GridSample(mode: mode, padding: paddingMode, alignsCorners: alignCorners)
      if dtype == .float16 || dtype == .bfloat16 { return apply(operation, to(.float32), grid.to(.float32)).to(dtype) }
      return apply(operation, self, grid)
    }
  }

  /// The grid for `gridSample` that the affine maps self [batch, 2, 3] (or [batch, 3, 4]) describe, for results of shape `size`
  /// [batch, channels, height, width] (or with a depth): [batch, height, width, 2].
  public func affineGrid(_ size: [Int], alignCorners: Bool = false) -> Tensor {
    let name = "affine_grid"
    guard mayRun(name, self) else { return .poison }
    return attempt { () throws(EmberError) in
      let dimensions = size.count - 2
      guard dtype.isFloatingPoint, dimensions == 2 || dimensions == 3, rank == 3, shape[0] == size[0], shape[1] == dimensions,
        shape[2] == dimensions + 1,
        size.allSatisfy({ $0 > 0 })
      else {
        throw EmberError(
          .shape, in: name,
          "maps \(summary) for size \(size): floating point [batch, 2, 3] goes with positive [batch, channels, height, width]")
      }
      let spatial = Array(size.dropFirst(2))
      var coordinates: [Tensor] = []
      for (d, extent) in spatial.enumerated().reversed() {
        var shape = Array(repeating: 1, count: dimensions)
        shape[d] = extent
        var line =
          extent > 1 ? Tensor.linspace(-1, 1, count: extent, dtype: dtype, on: device) : Tensor.zeros([1], dtype: dtype, on: device)
        if !alignCorners { line = line * Scalar.real(Double(extent - 1)) / Scalar.real(Double(extent)) }
        coordinates.append(line.reshape(shape).expand(spatial).reshape([-1]))
      }
      coordinates.append(Tensor.ones([spatial.reduce(1, *)], dtype: dtype, on: device))
      return stack(coordinates, dim: 1).unsqueeze(0).matmul(mT).reshape([size[0]] + spatial + [dimensions])
    }
  }
}

extension OperatorRegistry {
  mutating func addGridSampling() {
    add(
      "torch.nn.functional.grid_sample(Tensor input, Tensor grid, str mode='bilinear', str padding_mode='zeros', "
        + "bool? align_corners=None) -> Tensor"
    ) {
      (x: Tensor, grid: Tensor, mode: String, padding: String, align: Bool?) in
      let modes: [String: GridSampleMode] = ["bilinear": .bilinear, "nearest": .nearest, "bicubic": .bicubic]
      let paddings: [String: GridSamplePadding] = ["zeros": .zeros, "border": .border, "reflection": .reflection]
      guard let mode = modes[mode], let padding = paddings[padding] else {
        throw EmberError(.value, in: "grid_sampler", "there is no mode \(mode) with padding mode \(padding)")
      }
      return x.gridSample(grid, mode: mode, paddingMode: padding, alignCorners: align ?? false)
    }
    for (name, rank) in [("grid_sampler", nil), ("grid_sampler_2d", 4), ("grid_sampler_3d", 5)] as [(String, Int?)] {
      add("aten::\(name)(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor") {
        (x: Tensor, grid: Tensor, mode: Int, padding: Int, align: Bool) in
        guard let mode = GridSampleMode(rawValue: mode), let padding = GridSamplePadding(rawValue: padding), rank == nil || rank == x.rank
        else {
          throw EmberError(.value, in: name, "mode \(mode) with padding mode \(padding) for \(x.summary)")
        }
        return x.gridSample(grid, mode: mode, paddingMode: padding, alignCorners: align)
      }
    }
    add("torch.nn.functional.affine_grid(Tensor theta, int[] size, bool? align_corners=None) -> Tensor") {
      (x: Tensor, size: [Int], align: Bool?) in
      x.affineGrid(size, alignCorners: align ?? false)
    }
    add("aten::affine_grid_generator(Tensor theta, int[] size, bool align_corners) -> Tensor") { (x: Tensor, size: [Int], align: Bool) in
      x.affineGrid(size, alignCorners: align)
    }
  }
}
