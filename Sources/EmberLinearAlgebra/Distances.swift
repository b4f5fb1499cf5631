import CEmberLinearAlgebra
import EmberRuntime
import EmberTensor

/// The kernels of distances: isDouble, batch, m, n, depth, p, a, b, and the distances or what their gradient needs.
private struct DistanceKernels: Sendable {
  var forward: @Sendable (Bool, Int64, Int64, Int64, Int64, Double, UnsafeRawPointer?, UnsafeRawPointer?, UnsafeMutableRawPointer?) -> Void
  var backward:
    @Sendable (
      Bool, Int64, Int64, Int64, Int64, Double, UnsafeRawPointer?, UnsafeRawPointer?, UnsafeRawPointer?, UnsafeRawPointer?,
      UnsafeMutableRawPointer?
    ) -> Void
}

private let distanceKernels = KernelTable<DistanceKernels>(
  "cdist",
  cpu: DistanceKernels(
    forward: { ember_distances($0, $1, $2, $3, $4, $5, $6, $7, $8) },
    backward: { ember_distances_backward($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) }))

/// p-norm distances between the rows of a [batch, m, depth] and those of b [batch, n, depth].
private struct Distances: BinaryOperation {
  static let name = "cdist"
  let p: Double
  /// Euclidean distances through a matrix product: much faster for many rows, less exact for near ones.
  let byProduct: Bool
  let saved: SavedTensors = [.input0, .input1, .output]

  func forward(_ a: Tensor, _ b: Tensor) throws(EmberError) -> Tensor {
    let (batch, m, n, depth) = (a.shape[0], a.shape[1], b.shape[1], a.shape[2])
    if byProduct, a.device.type != .meta {
      return noGrad {
        let squares = a.square().sum([-1], keepDim: true) + b.square().sum([-1], keepDim: true).mT - a.matmul(b.mT) * 2
        return squares.clamp(min: 0).sqrt()
      }
    }
    let result = try Tensor.empty(shape: [batch, m, n], dtype: a.dtype, like: a)
    guard let kernels = try distanceKernels.kernel(on: a.device), result.elementCount > 0 else { return result }
    let x = try a.dense()
    let y = try b.dense()
    withExtendedLifetime((x, y)) {
      kernels.forward(
        a.dtype == .float64, Int64(batch), Int64(m), Int64(n), Int64(depth), p, x.operand.pointer, y.operand.pointer, result.operand.pointer
      )
    }
    return result
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let a = context.input(0)
    let b = context.input(1)
    let distances = context.output()
    func share(of x: Tensor, beside y: Tensor, _ d: Tensor, _ g: Tensor) -> Tensor {
      if p == 2 {
        let ratio = (g / d).maskedFill(d .== 0, 0)
        return x * ratio.sum([-1], keepDim: true) - ratio.matmul(y)
      }
      if context.isRecordingDerivative {
        // Written out, so that it can be differentiated again.
        let differences = x.unsqueeze(-2) - y.unsqueeze(-3)
        let sizes = differences.abs()
        let isUsed = !(d .== 0)
        if p == 0 { return Tensor.zeros(like: x) }
        if p == 1 { return (differences.sign() * g.unsqueeze(-1)).sum(-2) }
        if p == .infinity { return (differences.sign() * (sizes .== d.unsqueeze(-1)).to(g.dtype) * g.unsqueeze(-1)).sum(-2) }
        let scale = (g / d.maskedFill(!isUsed, 1).pow(.real(p - 1))).maskedFill(!isUsed, 0)
        let powers = sizes.maskedFill(sizes .== 0, 1).pow(.real(p - 1))
        return (differences.sign() * powers * scale.unsqueeze(-1)).sum(-2)
      }
      return compose(Self.name, [x, y, d, g]) { () throws(EmberError) in try kernelGradient(x, y, d, g) }
    }
    return (
      context.needs(0) ? share(of: a, beside: b, distances, gradient) : nil,
      context.needs(1) ? share(of: b, beside: a, distances.mT, gradient.mT) : nil
    )
  }

  private func kernelGradient(_ a: Tensor, _ b: Tensor, _ distances: Tensor, _ gradient: Tensor) throws(EmberError) -> Tensor {
    if gradient.elementCount == 0 { return Tensor.zeros(like: a) }
    let result = try Tensor.empty(shape: a.shape, dtype: a.dtype, like: a)
    guard let kernels = try distanceKernels.kernel(on: a.device), result.elementCount > 0 else { return result }
    let x = try a.dense()
    let y = try b.dense()
    let d = try distances.dense()
    let g = try gradient.dense()
    withExtendedLifetime((x, y, d, g)) {
      kernels.backward(
        a.dtype == .float64, Int64(a.shape[0]), Int64(a.shape[1]), Int64(b.shape[1]), Int64(a.shape[2]), p, x.operand.pointer,
        y.operand.pointer, d.operand.pointer, g.operand.pointer, result.operand.pointer)
    }
    return result
  }
}

/// How Euclidean distances are computed.
public enum DistanceMode: String, Sendable {
  /// By a matrix product where there are more than 25 rows.
  case automatic = "use_mm_for_euclid_dist_if_necessary"
  case product = "use_mm_for_euclid_dist"
  case direct = "donot_use_mm_for_euclid_dist"
}

/// p-norm distances between every row of `a` [.., m, k] and every row of `b` [.., n, k]: [.., m, n]. Batches broadcast.
public func cdist(_ a: Tensor, _ b: Tensor, p: Double = 2, mode: DistanceMode = .automatic) -> Tensor {
  compose("cdist", [a, b]) { () throws(EmberError) in
    guard a.dtype == b.dtype, a.dtype == .float32 || a.dtype == .float64 else {
      throw EmberError(.dtype, in: "cdist", "\(a.summary) and \(b.summary) must both be float32 or float64")
    }
    guard p >= 0 else { throw EmberError(.value, in: "cdist", "p is \(p); it must not be negative") }
    guard a.rank >= 2, b.rank >= 2, a.shape[-1] == b.shape[-1], let batch = batchShape(a).broadcast(with: batchShape(b)) else {
      throw EmberError(
        .shape, in: "cdist", "\(a.summary) and \(b.summary) must be matrices with equally many columns, whose batches broadcast")
    }
    let (m, n, k) = (a.shape[-2], b.shape[-2], a.shape[-1])
    let x = a.expand(Array(batch) + [m, k]).reshape([batch.elementCount, m, k])
    let y = b.expand(Array(batch) + [n, k]).reshape([batch.elementCount, n, k])
    let byProduct = p == 2 && (mode == .product || (mode == .automatic && (m > 25 || n > 25)))
    return apply(Distances(p: p, byProduct: byProduct), x, y).reshape(Array(batch) + [m, n])
  }
}

extension OperatorRegistry {
  mutating func addDistances() {
    add("torch.cdist(Tensor x1, Tensor x2, float p=2, str compute_mode='use_mm_for_euclid_dist_if_necessary') -> Tensor") {
      (a: Tensor, b: Tensor, p: Double, mode: String) throws in
      guard let mode = DistanceMode(rawValue: mode) else { throw EmberError(.value, in: "cdist", "there is no compute_mode \(mode)") }
      return cdist(a, b, p: p, mode: mode)
    }
    add("aten::cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None) -> Tensor") {
      (a: Tensor, b: Tensor, p: Double, mode: Int?) throws in
      let modes: [DistanceMode] = [.automatic, .product, .direct]
      let mode = mode ?? 0
      guard modes.indices.contains(mode) else { throw EmberError(.value, in: "cdist", "compute_mode must be 0, 1 or 2") }
      return cdist(a, b, p: p, mode: modes[mode])
    }
  }
}
