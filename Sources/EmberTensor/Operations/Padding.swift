import EmberRuntime

/// What stands beyond the edges of a padded tensor.
public enum PaddingMode: String, Sendable {
  case zeros
  /// Mirrored at the edge element, which is not repeated.
  case reflect
  /// The edge element again and again.
  case replicate
  /// The other end: as if the tensor went on from the start.
  case circular
}

extension Tensor {
  /// Widens the last dimensions: `amounts` are the numbers of elements before and after, outermost of the padded dimensions first.
  ///
  /// `reflect` takes at most one element less than there are, `circular` at most as many as there are.
  public func pad(_ amounts: [(before: Int, after: Int)], mode: PaddingMode = .zeros) -> Tensor {
    guard mayRun("pad", self) else { return .poison }
    if mode == .reflect || mode == .replicate,
      let inputs = Autocast.converted("\(mode == .reflect ? "reflection" : "replication")_pad\(amounts.count)d", [self])
    {
      return inputs[0]!.pad(amounts, mode: mode)
    }
    guard amounts.count <= rank, amounts.allSatisfy({ $0.before >= 0 && $0.after >= 0 }) else {
      raise(
        EmberError(
          .shape, in: "pad",
          "\(amounts.count) pairs of padding \(amounts) for \(summary); one pair, not negative, for each of its last dimensions"))
      return .poison
    }
    var result = self
    for (i, amount) in amounts.enumerated() where amount.before > 0 || amount.after > 0 {
      result = result.padded(rank - amounts.count + i, amount.before, amount.after, mode)
      if result.isPoisoned { return result }
    }
    return result
  }

  private func padded(_ dimension: Int, _ before: Int, _ after: Int, _ mode: PaddingMode) -> Tensor {
    let extent = shape[dimension]
    let limit = mode == .reflect ? extent - 1 : mode == .circular ? extent : mode == .replicate && extent == 0 ? 0 : Int.max
    guard Swift.max(before, after) <= limit else {
      raise(
        EmberError(
          .shape, in: "pad",
          "\(before) before and \(after) after dimension \(dimension) of \(summary): mode \(mode.rawValue) takes at most \(limit)"))
      return .poison
    }
    if mode == .zeros {
      func zeros(_ count: Int) -> Tensor { Tensor.zeros(Array(shape.replacing(dimension, with: count)), dtype: dtype, on: device) }
      return cat([zeros(before), self, zeros(after)], dim: dimension)
    }
    let positions = (-before..<(extent + after)).map { position -> Int in
      switch mode {
      case .reflect: return position < 0 ? -position : position >= extent ? 2 * (extent - 1) - position : position
      case .circular: return position < 0 ? position + extent : position >= extent ? position - extent : position
      default: return Swift.min(Swift.max(position, 0), extent - 1)
      }
    }
    return indexSelect(dimension, Tensor(positions, on: device))
  }
}
