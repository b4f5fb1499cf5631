import CEmberFunctional
import EmberRuntime
import EmberTensor

/// How `interpolate` computes values between those of the input.
public enum InterpolationMode: String, Sendable {
  /// The element at ⌊o · input / output⌋.
  case nearest
  /// The element whose centre is nearest.
  case nearestExact = "nearest-exact"
  /// Between the two neighbours, for one spatial dimension.
  case linear
  /// The same for two.
  case bilinear
  /// The same for three.
  case trilinear
  /// Cubic convolution over four neighbours, for two dimensions.
  case bicubic
  /// Means, as `adaptiveAvgPool`.
  case area
  /// Windowed sinc over six neighbours, for two dimensions; always antialiased.
  case lanczos
}

extension Tensor {
  /// This tensor [batch, channels, spatial...] with other spatial extents, one to three.
  ///
  /// - Parameters:
  ///   - size: the new extents. Give either these or `scaleFactor`.
  ///   - scaleFactor: how many times larger the result is, per dimension or for all.
  ///   - alignCorners: the corner elements' centres stay where they are; otherwise the outer edges do. Not for nearest and area.
  ///   - recomputeScaleFactor: computes with the ratio of the extents rather than with the given factor.
  ///   - antialias: widens the filter when reducing (bilinear and bicubic).
  public func interpolate(
    size: (any SpatialExtents)? = nil, scaleFactor: [Double]? = nil, mode: InterpolationMode = .nearest, alignCorners: Bool? = nil,
    recomputeScaleFactor: Bool = false, antialias: Bool = false
  ) -> Tensor {
    guard mayRun("interpolate", self) else { return .poison }
    return attempt { () throws(EmberError) in
      let dimensions = rank - 2
      guard (1...3).contains(dimensions) else {
        throw error(.shape, "it must be [batch, channels, ...] with one to three spatial dimensions")
      }
      guard (size == nil) != (scaleFactor == nil) else { throw error(.value, "give either a size or a scale factor") }
      try check(mode, dimensions, alignCorners, antialias)
      var output: [Int], factors: [Double]?
      if let size {
        guard !recomputeScaleFactor else { throw error(.value, "recomputeScaleFactor goes with a scale factor only") }
        output = try resolve(size, dimensions, "size", atLeast: 1, in: "interpolate")
      } else {
        let given = scaleFactor!.count == 1 ? Array(repeating: scaleFactor![0], count: dimensions) : scaleFactor!
        guard given.count == dimensions, given.allSatisfy({ $0.isFinite && $0 > 0 }) else {
          throw error(.value, "scaleFactor \(given); it must have one positive number, or \(dimensions)")
        }
        output = []
        for (extent, factor) in zip(shape.dropFirst(2), given) {
          let scaled = Double(extent) * factor
          guard scaled < 0x1p48 else { throw error(.memory, "scaleFactor \(given) is too large") }
          output.append(Int(scaled))
        }
        factors = recomputeScaleFactor || mode == .area ? nil : given
      }
      return try resampled(
        to: output, factors: factors, mode: mode, alignCorners: alignCorners ?? false, antialias: antialias || mode == .lanczos)
    }
  }

  private func error(_ kind: EmberError.Kind, _ message: String) -> EmberError {
    EmberError(kind, in: "interpolate", "input \(summary): \(message)")
  }

  private func check(_ mode: InterpolationMode, _ dimensions: Int, _ alignCorners: Bool?, _ antialias: Bool) throws(EmberError) {
    let wanted: [InterpolationMode: Int] = [.linear: 1, .bilinear: 2, .bicubic: 2, .lanczos: 2, .trilinear: 3]
    if let count = wanted[mode], count != dimensions {
      throw error(.shape, "mode \(mode.rawValue) takes \(count) spatial dimensions, not \(dimensions)")
    }
    if alignCorners != nil, wanted[mode] == nil || (mode == .lanczos && alignCorners == true) {
      throw error(.value, "alignCorners does not go with mode \(mode.rawValue)")
    }
    if mode == .lanczos, !antialias { throw error(.value, "mode lanczos needs antialias: true") }
    if antialias, ![.bilinear, .bicubic, .lanczos].contains(mode) {
      throw error(.value, "antialias goes with bilinear, bicubic and lanczos, not \(mode.rawValue)")
    }
  }

  /// The resampling itself, for spatial extents that are known; `factors` overrides the ratio of the extents.
  fileprivate func resampled(
    to output: [Int], factors: [Double]?, mode: InterpolationMode, alignCorners: Bool, antialias: Bool
  ) throws(EmberError) -> Tensor {
    guard (dtype.isFloatingPoint && !dtype.isStorageOnly) || dtype == .uint8 else { throw error(.dtype, "must be floating point or uint8") }
    guard output.count == rank - 2, output.allSatisfy({ $0 > 0 }), !shape.dropFirst().contains(0) else {
      throw error(.shape, "channels and spatial extents must be positive, also those of the result, \(output)")
    }
    _ = try checkedShape(shape.prefix(2) + output, in: "interpolate")
    // Positions and weights are computed here, for each.
    guard output.allSatisfy({ $0 < 1 << 28 }) else { throw error(.memory, "a result of \(output) is too large") }
    if mode == .area {
      return switch output.count {
      case 1: adaptiveAvgPool1d(output)
      case 2: adaptiveAvgPool2d(output)
      default: adaptiveAvgPool3d(output)
      }
    }
    if mode == .nearest || mode == .nearestExact {
      var result = self
      for (i, extent) in output.enumerated() {
        let positions = nearestPositions(shape[i + 2], extent, factors?[i], exact: mode == .nearestExact)
        if extent != shape[i + 2] || positions.enumerated().contains(where: { $0.offset != Int($0.element) }) {
          result = result.indexSelect(i + 2, Tensor(positions, on: device))
        }
      }
      return result
    }
    let isNarrow = dtype == .float16 || dtype == .bfloat16
    var result = isNarrow ? to(.float32) : self
    // The innermost dimension first, as PIL does: bytes are rounded in between.
    for i in output.indices.reversed() {
      let extent = shape[i + 2]
      if extent == output[i], dtype == .uint8 { continue }
      func geometry<Real>(_: Real.Type) -> ResamplingGeometry<Real> {
        ResamplingGeometry(input: extent, output: output[i], alignsCorners: alignCorners, factor: factors?[i])
      }
      let isPrecise = dtype == .float64 || dtype == .uint8
      let matrix = isPrecise ? geometry(Double.self).matrix(mode, antialias) : geometry(Float.self).matrix(mode, antialias)
      result = apply(Resample(dimension: i + 2, matrix: matrix), result)
    }
    return isNarrow ? result.to(dtype) : result
  }

  /// Positions of the input that `nearest` takes. PyTorch computes them in float32.
  private func nearestPositions(_ input: Int, _ output: Int, _ factor: Double?, exact: Bool) -> [Int64] {
    let scale = ResamplingGeometry<Float>(input: input, output: output, alignsCorners: false, factor: factor).scale
    return (0..<output).map { o in
      let x = exact ? Float((Double(o) + 0.5) * Double(scale)) : Float(o) * scale
      return Int64(Swift.min(Int(x.rounded(.down)), input - 1))
    }
  }
}

extension OperatorRegistry {
  mutating func addInterpolation() {
    add(
      "torch.nn.functional.interpolate(Tensor input, Any? size=None, Any? scale_factor=None, str mode='nearest', "
        + "bool? align_corners=None, bool? recompute_scale_factor=None, bool antialias=False) -> Tensor"
    ) { (x: Tensor, size: OperatorValue, factor: OperatorValue, word: String, align: Bool?, recompute: Bool?, antialias: Bool) in
      guard let mode = InterpolationMode(rawValue: word) else {
        throw EmberError(.value, in: "interpolate", "there is no mode \"\(word)\"")
      }
      return x.interpolate(
        size: try size.extents(), scaleFactor: try factor.factors(), mode: mode, alignCorners: align,
        recomputeScaleFactor: recompute ?? false,
        antialias: antialias)
    }
    add("torch.nn.functional.upsample_nearest(Tensor input, Any? size=None, Any? scale_factor=None) -> Tensor") {
      (x: Tensor, size: OperatorValue, factor: OperatorValue) in
      x.interpolate(size: try size.extents(), scaleFactor: try factor.factors(), mode: .nearest)
    }
    add("torch.nn.functional.upsample_bilinear(Tensor input, Any? size=None, Any? scale_factor=None) -> Tensor") {
      (x: Tensor, size: OperatorValue, factor: OperatorValue) in
      x.interpolate(size: try size.extents(), scaleFactor: try factor.factors(), mode: .bilinear, alignCorners: true)
    }
    addResamplings()
  }

  /// ATen's own names: one for each mode and number of dimensions.
  private mutating func addResamplings() {
    let scales = [1: "float? scales=None", 2: "float? scales_h=None, float? scales_w=None"]
    for (name, mode, isAntialiased) in [
      ("upsample_bilinear2d", InterpolationMode.bilinear, false), ("upsample_bicubic2d", .bicubic, false),
      ("_upsample_bilinear2d_aa", .bilinear, true),
      ("_upsample_bicubic2d_aa", .bicubic, true),
    ] {
      add("aten::\(name)(Tensor self, int[2] output_size, bool align_corners, \(scales[2]!)) -> Tensor") {
        (x: Tensor, size: [Int], align: Bool, height: Double?, width: Double?) in
        let factors = height.flatMap { h in width.map { [h, $0] } }
        return try x.checkedResampling(size, factors, mode, align, isAntialiased)
      }
      add("aten::\(name).vec(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor") {
        (x: Tensor, size: [Int]?, align: Bool, factors: [Double]?) in
        x.interpolate(size: size, scaleFactor: factors, mode: mode, alignCorners: align, antialias: isAntialiased)
      }
    }
    add("aten::upsample_linear1d(Tensor self, int[1] output_size, bool align_corners, float? scales=None) -> Tensor") {
      (x: Tensor, size: [Int], align: Bool, scale: Double?) in try x.checkedResampling(size, scale.map { [$0] }, .linear, align, false)
    }
    add("aten::upsample_nearest1d(Tensor self, int[1] output_size, float? scales=None) -> Tensor") {
      (x: Tensor, size: [Int], scale: Double?) in
      try x.checkedResampling(size, scale.map { [$0] }, .nearest, false, false)
    }
    add("aten::upsample_nearest2d(Tensor self, int[2] output_size, \(scales[2]!)) -> Tensor") {
      (x: Tensor, size: [Int], height: Double?, width: Double?) in
      try x.checkedResampling(size, height.flatMap { h in width.map { [h, $0] } }, .nearest, false, false)
    }
  }
}

extension Tensor {
  /// ATen's form: the extents are given, factors only say what the ratio is.
  fileprivate func checkedResampling(
    _ size: [Int], _ factors: [Double]?, _ mode: InterpolationMode, _ alignCorners: Bool, _ antialias: Bool
  ) throws(EmberError) -> Tensor {
    guard rank == size.count + 2 else { throw error(.shape, "it must be [batch, channels, ...] with \(size.count) spatial dimensions") }
    return try resampled(to: size, factors: factors, mode: mode, alignCorners: alignCorners, antialias: antialias)
  }
}

extension OperatorValue {
  /// A number or a list of integers.
  fileprivate func extents() throws(EmberError) -> (any SpatialExtents)? {
    if isNone { return nil }
    if case .integer(let number) = self { return number }
    if case .list(let items) = self {
      let numbers = items.compactMap { item -> Int? in if case .integer(let number) = item { number } else { nil } }
      if numbers.count == items.count { return numbers }
    }
    throw EmberError(.value, in: "interpolate", "the size must be integers, not \(kind)")
  }

  fileprivate func factors() throws(EmberError) -> [Double]? {
    if isNone { return nil }
    if case .list(let items) = self {
      let numbers = items.compactMap { $0.scalar?.real }
      if numbers.count == items.count { return numbers }
    } else if let number = scalar {
      return [number.real]
    }
    throw EmberError(.value, in: "interpolate", "scale factors must be numbers, not \(kind)")
  }
}
