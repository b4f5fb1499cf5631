import EmberRuntime
import EmberTensor

/// Sums, extremes and norms over dimensions; running sums.
extension OperatorTable {
  mutating func addReductions() {
    addReduction("ReduceSum", axesAreInputSince: 13, empty: { _ in 0 }) { x, axes in x.sum(axes, keepDim: true) }
    addReduction("ReduceProd", empty: { _ in 1 }) { x, axes in x.prod(axes, keepDim: true) }
    addReduction("ReduceMean", empty: { _ in .real(.nan) }) { x, axes in
      x.dtype.isFloatingPoint ? x.mean(axes, keepDim: true) : x.to(.float64).mean(axes, keepDim: true)
    }
    addReduction("ReduceMax", empty: { extremeValue($0, lowest: true) }) { x, axes in
      x.dtype == .bool ? x.any(axes, keepDim: true) : x.amax(axes, keepDim: true)
    }
    addReduction("ReduceMin", empty: { extremeValue($0, lowest: false) }) { x, axes in
      x.dtype == .bool ? x.all(axes, keepDim: true) : x.amin(axes, keepDim: true)
    }
    addReduction("ReduceL1", empty: { _ in 0 }) { x, axes in (x.dtype.isSigned ? x.abs() : x).sum(axes, keepDim: true) }
    addReduction("ReduceL2", empty: { _ in 0 }) { x, axes in x.floating.square().sum(axes, keepDim: true).sqrt() }
    addReduction("ReduceSumSquare", empty: { _ in 0 }) { x, axes in x.square().sum(axes, keepDim: true) }
    addReduction("ReduceLogSum", empty: { _ in .real(-.infinity) }) { x, axes in x.floating.sum(axes, keepDim: true).log() }
    addReduction("ReduceLogSumExp", empty: { _ in .real(-.infinity) }) { x, axes in x.floating.logSumExp(axes, keepDim: true) }
    addPositions("ArgMax") { $0.argmax($1, keepDim: true) }
    addPositions("ArgMin") { $0.argmin($1, keepDim: true) }
    addRunning("CumSum", since: 11, neutral: 0) { $0.cumsum($1) }
    addRunning("CumProd", since: 26, neutral: 1) { $0.cumprod($1) }
  }

  /// - Parameters:
  ///   - axesAreInputSince: the version that made the axes an input.
  ///   - empty: the result over no elements.
  ///   - body: reduces, keeping the dimensions; no axes mean all.
  private mutating func addReduction(
    _ name: String, axesAreInputSince: Int = 18, empty: @escaping @Sendable (DType) -> Scalar,
    _ body: @escaping @Sendable (Tensor, [Int]) -> Tensor
  ) {
    add(name, numbers: [1]) { call in
      let x = try call.tensor(0)
      let isInput = call.version >= axesAreInputSince
      let given = try isInput ? call.optionalInts(1) : call.ints("axes")
      var axes = try call.wrapped(given ?? [], x.rank)
      var operand = x.wide
      if axes.isEmpty {
        // Nothing is summed then, but what happens to each element still does.
        if isInput, try call.flag("noop_with_empty_axes") {
          operand = operand.unsqueeze(-1)
          return body(operand, [x.rank]).squeeze([x.rank]).to(x.dtype)
        }
        axes = Array(0..<x.rank)
      }
      let keepsDimensions = try call.flag("keepdims", true)
      let result: Tensor
      if axes.isEmpty {
        // A single number: reduced along a dimension made for it.
        return body(operand.reshape([1]), [0]).reshape([]).to(x.dtype)
      } else if axes.contains(where: { x.shape[$0] == 0 }) {
        result = Tensor.full(x.shape.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }, empty(x.dtype), dtype: x.dtype, on: x.device)
      } else {
        if x.dtype == .uint64, name == "ReduceMax" || name == "ReduceMin" {
          let flipped = body(x.ordered, axes) ^ Tensor(Int64.min, on: x.device)
          return (keepsDimensions ? flipped : flipped.squeeze(axes)).to(.uint64)
        }
        result = body(operand, axes)
      }
      return (keepsDimensions ? result : result.squeeze(axes)).to(x.dtype)
    }
  }

  private mutating func addPositions(_ name: String, _ body: @escaping @Sendable (Tensor, Int) -> Tensor) {
    add(name) { call in
      let x = try call.tensor(0).ordered
      let axis = try call.wrapped(try call.int("axis", 0), x.rank)
      var place = body(x, axis)
      if try call.flag("select_last_index") { place = (x.shape[axis] - 1) - body(x.flip(axis), axis) }
      return try call.flag("keepdims", true) ? place : place.squeeze([axis])
    }
  }

  private mutating func addRunning(_ name: String, since: Int, neutral: Scalar, _ body: @escaping @Sendable (Tensor, Int) -> Tensor) {
    add(name, since: since, numbers: [1]) { call in
      let x = try call.tensor(0)
      let axis = try call.wrapped(try call.int(1), x.rank)
      let isReversed = try call.flag("reverse")
      var result = body(isReversed ? x.wide.flip(axis) : x.wide, axis)
      if try call.flag("exclusive"), x.shape[axis] > 0 {
        let first = Tensor.full(like: result.narrow(axis, start: 0, length: 1), neutral)
        result = cat([first, result.narrow(axis, start: 0, length: x.shape[axis] - 1)], dim: axis)
      }
      return (isReversed ? result.flip(axis) : result).to(x.dtype)
    }
  }
}

extension Tensor {
  /// In a floating-point dtype that takes every number of this one as well as can be.
  fileprivate var floating: Tensor { dtype.isFloatingPoint ? self : to(.float64) }
}

/// The smallest or the largest number of a dtype.
private func extremeValue(_ dtype: DType, lowest: Bool) -> Scalar {
  switch dtype {
  case .bool: .bool(!lowest)
  case .uint64: lowest ? 0 : -1
  default:
    if let range = ONNXElementType(dtype)?.integerRange { .integer(lowest ? range.lowerBound : range.upperBound) } else {
      .real(lowest ? -.infinity : .infinity)
    }
  }
}
