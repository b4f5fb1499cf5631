import EmberRuntime
import EmberTensor

/// How `pad` continues a tensor beyond its edges.
public enum PaddingMode: String, Sendable {
  /// With one value.
  case constant
  /// Mirrored at the outermost elements, which are not repeated: c b | a b c | b a.
  case reflect
  /// With the outermost elements: a a | a b c | c c.
  case replicate
  /// From the other side: b c | a b c | a b.
  case circular

  /// What convolutions call `constant`.
  public static var zeros: PaddingMode { .constant }
}

/// A tensor with a margin of one value around it; negative margins cut off. Linear in x: its derivative has the negated margins.
package struct ConstantPad: UnaryOperation {
  package static let name = "constant_pad_nd"
  /// One entry per dimension.
  package let margins: [(before: Int, after: Int)]
  package let value: Scalar

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    var extents: [Int] = []
    for (extent, margin) in zip(x.shape, margins) {
      let padded = extent + margin.before + margin.after
      guard padded >= 0 else {
        throw EmberError(.shape, in: Self.name, "margins \(margin.before) and \(margin.after) of \(x.summary) leave an extent of \(padded)")
      }
      extents.append(padded)
    }
    let result = Tensor.full(Array(try checkedShape(extents, in: Self.name)), value, dtype: x.dtype, on: x.device)
    var source = x, target = result
    for (dimension, margin) in margins.enumerated() {
      let from = max(0, -margin.before), to = max(0, margin.before)
      let count = min(source.shape[dimension] - from, extents[dimension] - to)
      if count <= 0 { return result }
      source = source.narrow(dimension, start: from, length: count)
      target = target.narrow(dimension, start: to, length: count)
    }
    if x.backend.holdsData, source.elementCount > 0 { x.backend.copy(source.operand, to: target.operand) }
    return result
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(ConstantPad(margins: margins.map { (-$0.before, -$0.after) }, value: 0), gradient)
  }
}

extension ConstantPad: SizedOperation {
  package var sizes: [Int] { margins.flatMap { [$0.before, $0.after] } }
  package func resized(_ sizes: [Int]) -> ConstantPad {
    ConstantPad(margins: margins.indices.map { (sizes[2 * $0], sizes[2 * $0 + 1]) }, value: value)
  }
}

extension Tensor {
  /// This tensor with margins: `pad` lists two numbers, before and after, for the last dimension, then for the one before it, and so on.
  /// Negative numbers cut off.
  ///
  /// The modes other than `constant` take inputs with one or two dimensions (batch, channels) more than are padded, one to three
  /// padded ones, and no `value`. `reflect` needs margins smaller than the extent, `circular` at most as large.
  public func pad(_ pad: [Int], mode: PaddingMode = .constant, value: Scalar? = nil) -> Tensor {
    guard mayRun("pad", self) else { return .poison }
    if mode == .reflect || mode == .replicate {
      let name = "\(mode == .reflect ? "reflection" : "replication")_pad\(pad.count / 2)d"
      if let inputs = Autocast.converted(name, [self]) { return inputs[0]!.pad(pad, mode: mode, value: value) }
    }
    return attempt { () throws(EmberError) in
      guard pad.count % 2 == 0, pad.count <= 2 * rank else {
        throw EmberError(.value, in: "pad", "\(pad.count) numbers for \(summary); give two for each of at most \(rank) dimensions")
      }
      guard pad.allSatisfy({ $0.magnitude < 1 << 48 }) else { throw EmberError(.value, in: "pad", "margins \(pad) are too large") }
      let first = rank - pad.count / 2
      var margins = Array(repeating: (before: 0, after: 0), count: rank)
      for i in 0..<pad.count / 2 { margins[rank - 1 - i] = (pad[2 * i], pad[2 * i + 1]) }
      if mode == .constant {
        return margins.allSatisfy { $0 == (0, 0) } ? self : apply(ConstantPad(margins: margins, value: value ?? 0), self)
      }
      if let value, value.real != 0 { throw EmberError(.value, in: "pad", "mode \(mode.rawValue) takes no value") }
      guard (1...3).contains(rank - first), first == 1 || first == 2 else {
        throw EmberError(
          .shape, in: "pad",
          "\(pad.count) numbers for \(summary): mode \(mode.rawValue) pads the last "
            + "one to three dimensions of [batch, channels, ...] or [channels, ...]"
        )
      }
      for d in (mode == .circular ? first : 1)..<rank where shape[d] == 0 {
        throw EmberError(.shape, in: "pad", "\(summary): only the batch may be empty in mode \(mode.rawValue)")
      }
      var result = self
      for d in first..<rank where margins[d] != (0, 0) {
        if mode == .circular {
          // What is cut off does not come in again from the other side.
          let (left, right) = (Swift.min(margins[d].before, 0), Swift.min(margins[d].after, 0))
          let kept = shape[d] + left + right
          guard kept >= 0 else {
            throw EmberError(.shape, in: "pad", "margins \(margins[d]) cut more than dimension \(d) of \(summary) has")
          }
          result = result.narrow(d, start: -left, length: kept)
          margins[d] = (margins[d].before - left, margins[d].after - right)
        }
        let positions = try mode.positions(result.shape[d], margins[d].before, margins[d].after, of: self)
        result = result.indexSelect(d, Tensor(positions, on: device))
      }
      return result
    }
  }
}

extension PaddingMode {
  /// Which element of a dimension stands at each position after padding.
  fileprivate func positions(_ extent: Int, _ before: Int, _ after: Int, of x: Tensor) throws(EmberError) -> [Int64] {
    let count = extent + before + after
    guard count >= (self == .circular ? 0 : 1) else {
      throw EmberError(.shape, in: "pad", "margins \(before) and \(after) of an extent of \(extent), for \(x.summary), leave nothing")
    }
    let limit = self == .reflect ? extent - 1 : self == .circular ? extent : Int.max
    guard before <= limit, after <= limit else {
      throw EmberError(.value, in: "pad", "margins \(before) and \(after) in mode \(rawValue) must be at most \(limit), for \(x.summary)")
    }
    return (0..<count).map { position in
      let i = position - before
      switch self {
      case .reflect: return Int64(i < 0 ? -i : i >= extent ? 2 * (extent - 1) - i : i)
      case .circular: return Int64(i < 0 ? i + extent : i >= extent ? i - extent : i)
      default: return Int64(min(max(i, 0), extent - 1))
      }
    }
  }
}

extension OperatorRegistry {
  mutating func addPadding() {
    add("torch.nn.functional.pad(Tensor input, int[] pad, str mode='constant', Scalar? value=None) -> Tensor") {
      (x: Tensor, pad: [Int], mode: String, value: Scalar?) in
      guard let mode = PaddingMode(rawValue: mode) else {
        throw EmberError(.value, in: "pad", "mode \"\(mode)\"; it must be constant, reflect, replicate or circular")
      }
      return x.pad(pad, mode: mode, value: value)
    }
    add("aten::constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor") { (x: Tensor, pad: [Int], value: Scalar) in
      x.pad(pad, value: value)
    }
    for (name, mode, count) in [
      ("reflection", PaddingMode.reflect, 1), ("replication", .replicate, 1), ("reflection", .reflect, 2), ("replication", .replicate, 2),
      ("reflection", .reflect, 3), ("replication", .replicate, 3),
    ] {
      add("aten::\(name)_pad\(count)d(Tensor self, int[\(2 * count)] padding) -> Tensor") { (x: Tensor, pad: [Int]) in
        x.pad(pad, mode: mode)
      }
    }
  }
}
