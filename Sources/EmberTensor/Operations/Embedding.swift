import EmberRuntime

/// Rows of a table [entries, features] by number. Input 1: integers of any shape.
package struct EmbeddingLookup: BinaryOperation {
  package static let name = "embedding"
  package let saved: SavedTensors = .input1
  /// The row that takes no gradient.
  let paddingIndex: Int?

  package func forward(_ table: Tensor, _ index: Tensor) throws(EmberError) -> Tensor {
    guard table.rank == 2 else { throw EmberError(.shape, in: Self.name, "weight \(table.summary); it must be [entries, features]") }
    let entries = table.body.shape[0]
    if let paddingIndex, paddingIndex < 0 || paddingIndex >= entries {
      throw EmberError(.index, in: Self.name, "paddingIndex \(paddingIndex) is outside of 0 ..< \(entries), for weight \(table.summary)")
    }
    guard index.rank < maximumRank else {
      throw EmberError(.shape, in: Self.name, "the result for indices \(index.summary) would have more than \(maximumRank) dimensions")
    }
    let flat = try checkedIndex(index, in: Self.name).reshape([-1])
    do throws(EmberError) {
      return try IndexSelect(dimension: 0, countsFromEnd: false).forward(table, flat).reshape(Array(index.body.shape) + [table.body.shape[1]])
    } catch {
      throw EmberError(error.kind, in: Self.name, error.message)
    }
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let shape = context.inputShape(0), index = context.input(1).to(.int64).reshape([-1])
    var rows = gradient.reshape([-1, shape[1]])
    if let paddingIndex { rows = rows.maskedFill((index .== Scalar.integer(Int64(paddingIndex))).unsqueeze(1), 0) }
    return (Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device).indexAdd(dim: 0, index: index, source: rows), nil)
  }
}

extension Tensor {
  /// Rows of the table `weight` [entries, features] numbered by these integers: shape [..., features].
  ///
  /// - Parameter paddingIndex: a row that takes no gradient.
  public func embedding(_ weight: Tensor, paddingIndex: Int? = nil) -> Tensor {
    apply(EmbeddingLookup(paddingIndex: paddingIndex), weight, self)
  }

  /// One-hot rows of these labels: [..., classes], int64. Without a number of classes, one more than the largest label.
  public func oneHot(_ classes: Int = -1) -> Tensor {
    guard mayRun("one_hot", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard dtype == .int64 else { throw EmberError(.dtype, in: "one_hot", "labels \(summary) must be int64; convert with .to(.int64)") }
      let index = self
      // Without a number of classes the largest label says how many there are.
      let isReadable = backend.holdsData && index.wholePhysical.trace == nil
      guard classes > 0 || (classes == -1 && isReadable) else {
        throw EmberError(
          .value, in: "one_hot",
          "\(classes) classes for \(summary); give a positive number, or -1 (not on meta or in a graph) for the largest label plus 1")
      }
      guard elementCount > 0 || classes > 0 else {
        throw EmberError(.value, in: "one_hot", "\(summary) has no labels; give the number of classes")
      }
      let count: Int
      if classes > 0 { count = classes } else {
        let high = index.wholePhysical.amax().item(as: Int.self)
        count = high == .max ? high : high + 1
      }
      if elementCount > 0 {
        try checkElements("one_hot", of: [index], bounds: [count]) { all throws(EmberError) in
          let low = all[0].amin().item(as: Int.self), high = all[0].amax().item(as: Int.self)
          guard low >= 0, high < count else { throw EmberError(.index, in: "one_hot", "labels from \(low) to \(high) for \(count) classes") }
        }
      }
      let shape = try checkedShape(Array(body.shape) + [count], in: "one_hot")
      let position = index.unsqueeze(-1)
      return Tensor.zeros(Array(shape), dtype: .int64, on: device).scatter(dim: -1, index: position, source: Tensor.ones(like: position))
    }
  }
}
