import CEmberFunctional
import EmberRuntime
public import EmberTensor

/// Positions as rotations: pairs of features turn by angles that grow with the position, so that products of queries and keys depend on
/// distances (Su et al., "RoFormer", arXiv:2104.09864).
public struct RotaryTable: Sendable {
  /// [positions, features / 2], float32.
  let cosines, sines: Tensor
  /// Whether pairs are neighbours; otherwise the second halves of the features belong to the first.
  let isInterleaved: Bool

  public init(cosines: Tensor, sines: Tensor, isInterleaved: Bool = false) {
    self.cosines = cosines
    self.sines = sines
    self.isInterleaved = isInterleaved
  }

  /// Positions from a table on.
  public func positions(_ start: Int, _ count: Int) -> RotaryTable {
    RotaryTable(
      cosines: cosines.narrow(0, start: start, length: count), sines: sines.narrow(0, start: start, length: count), isInterleaved: isInterleaved)
  }

  public var count: Int { cosines.shape[0] }
}

extension Tensor {
  /// self [..., time, heads, features] with features turned by the angles of a table of as many positions as there are in time.
  public func rotated(by table: RotaryTable) -> Tensor {
    guard rank >= 3, shape[-1] == 2 * table.cosines.shape[-1], shape[-3] == table.count else {
      raise(
        EmberError(
          .shape, in: "rotary_embedding",
          "\(summary) for angles \(table.cosines.summary): features must be twice as many as angles, and [-3] the number of positions"))
      return .poison
    }
    if dtype == .float32, device == .cpu || device == .meta { return apply(Rotation(table: table, sign: 1), self) }
    return rotatedByParts(table)
  }

  /// Other dtypes and devices.
  private func rotatedByParts(_ table: RotaryTable) -> Tensor {
    let half = shape[-1] / 2
    let x = to(.float32)
    let cosines = table.cosines.unsqueeze(1).to(device), sines = table.sines.unsqueeze(1).to(device)
    let parts = table.isInterleaved ? x.reshape(Array(shape.dropLast()) + [half, 2]) : x.reshape(Array(shape.dropLast()) + [2, half])
    let dimension = table.isInterleaved ? rank : rank - 1
    let a = parts.select(dimension, 0), b = parts.select(dimension, 1)
    return stack([a * cosines - b * sines, b * cosines + a * sines], dim: dimension).reshape(Array(shape)).to(dtype)
  }
}

private struct Rotation: UnaryOperation {
  static let name = "rotary_embedding"
  let table: RotaryTable
  /// -1 turns back.
  let sign: Float

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    var y = Tensor.empty(Array(x.shape), on: x.device)
    if x.device == .meta || x.elementCount == 0 { return y }
    let (time, heads, features) = (x.shape[-3], x.shape[-2], x.shape[-1])
    x.withOperand { source in
      table.cosines.withOperand { cosines in
        table.sines.withOperand { sines in
          y.withMutableOperand { target in
            ember_rotate_pairs(
              source.pointer?.assumingMemoryBound(to: Float.self), cosines.pointer?.assumingMemoryBound(to: Float.self),
              sines.pointer?.assumingMemoryBound(to: Float.self), target.pointer?.assumingMemoryBound(to: Float.self),
              Int64(x.elementCount / (time * heads * features)), Int64(time), Int64(heads), Int64(features), table.isInterleaved ? 1 : 0, sign)
          }
        }
      }
    }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { apply(Rotation(table: table, sign: -sign), gradient) }
}
