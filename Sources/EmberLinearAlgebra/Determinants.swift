import EmberRuntime
import EmberTensor

/// The sign of the permutation that pivots stand for, times the product of signs or of elements that `diagonal` makes of U's.
private func permutationSign(_ pivots: Tensor, _ dtype: DType) -> Tensor {
  let exchanges = (pivots .!= Tensor.arange(.integer(1), .integer(Int64(pivots.size(-1) + 1)), on: pivots.device).to(.int32))
  return Tensor.ones(like: exchanges, dtype: dtype).maskedFill(exchanges, -1).prod(-1)
}

/// The determinant, and the factors that it was computed from.
struct Determinant: VariadicOperation {
  static let name = "linalg.det"
  let saved: SavedTensors = [.input0, .output(0), .output(1), .output(2)]
  var undifferentiableOutputs: Set<Int> { [1, 2] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a, square: true)
    let factors = try LUFactor().forward([a])
    let result = noGrad { permutationSign(factors[1], a.dtype) * factors[0].matrixDiagonal.prod(-1) }
    return [result, factors[0], factors[1]]
  }

  /// The conjugate cofactors: det(A)‾·A⁻ᴴ, or for singular matrices U·diag(∏ sⱼ, j ≠ i)·Vᴴ, turned by the phases of det U and det Vᴴ.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    let a = context.input(0)
    let determinant = context.output(0)
    if a.elementCount == 0 { return [Tensor.zeros(like: a)] }
    let hasZero = a.device.type != .meta && noGrad { (determinant.detach() .== 0).holdsSomewhere(unknown: true) }
    if hasZero {
      let (u, s, vh) = Linalg.svd(a)
      let phase = apply(Determinant(), [u], count: 3)[0] * apply(Determinant(), [vh], count: 3)[0]
      // Products of all singular values but one.
      let n = s.size(-1)
      let others = s.unsqueeze(-2).expand(Array(s.shape) + [n]).maskedFill(Tensor.eye(n, dtype: .bool, on: a.device), 1).prod(-1)
      let cofactors = (u * others.unsqueeze(-2)).matmul(vh)
      return [cofactors * (g * phase.conj()).unsqueeze(-1).unsqueeze(-1)]
    }
    let scale = (g * determinant.conj()).unsqueeze(-1).expand(Array(a.shape.dropLast())).asDiagonalMatrix
    if context.isRecordingDerivative { return [Linalg.solve(a.mH, scale)] }
    let (lu, pivots) = (context.output(1), context.output(2))
    return [compose(Self.name, [scale]) { () throws(EmberError) in try luSolved(lu, pivots, scale, batchShape(a), transpose: "C") }]
  }
}

/// The determinant's sign (or phase) and the logarithm of its magnitude, and the factors that they were computed from.
struct SignLogDeterminant: VariadicOperation {
  static let name = "linalg.slogdet"
  let saved: SavedTensors = [.input0, .output(0), .output(2), .output(3)]
  var undifferentiableOutputs: Set<Int> { [2, 3] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a, square: true)
    let factors = try LUFactor().forward([a])
    return noGrad {
      let diagonal = factors[0].matrixDiagonal
      let magnitude = diagonal.abs()
      let phase = a.dtype.isComplex ? diagonal / magnitude.maskedFill(magnitude .== 0, 1) : diagonal.sign()
      return [permutationSign(factors[1], a.dtype) * phase.prod(-1), magnitude.log().sum(-1), factors[0], factors[1]]
    }
  }

  /// d log|det| = Re tr(A⁻¹ dA), and d sign = i·sign·Im tr(A⁻¹ dA).
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let a = context.input(0)
    let sign = context.output(0)
    if a.elementCount == 0 { return [Tensor.zeros(like: a)] }
    var scale = gradients[1]?.to(a.dtype)
    if a.dtype.isComplex, let gs = gradients[0] {
      let turn = (gs.conj() * sign).imag * Scalar.complex(0, -1)
      scale = scale.map { $0 + turn } ?? turn
    }
    guard let scale else { return [Tensor.zeros(like: a)] }
    let diagonal = scale.unsqueeze(-1).expand(Array(a.shape.dropLast())).asDiagonalMatrix
    if context.isRecordingDerivative { return [Linalg.solve(a.mH, diagonal)] }
    let (lu, pivots) = (context.output(2), context.output(3))
    return [compose(Self.name, [diagonal]) { () throws(EmberError) in try luSolved(lu, pivots, diagonal, batchShape(a), transpose: "C") }]
  }
}

extension Linalg {
  /// The determinants of square matrices.
  public static func det(_ a: Tensor) -> Tensor { apply(Determinant(), [a], count: 3)[0] }

  /// The sign of the determinant (its phase, for complex matrices) and the logarithm of its magnitude; 0 and -∞ if it is zero.
  public static func slogdet(_ a: Tensor) -> (sign: Tensor, logAbsDet: Tensor) {
    let all = apply(SignLogDeterminant(), [a], count: 4)
    return (all[0], all[1])
  }
}

extension Tensor {
  /// The logarithm of the determinant; for real matrices NaN where that is negative.
  public func logdet() -> Tensor {
    compose("logdet", [self]) { () throws(EmberError) in
      let (sign, logarithm) = Linalg.slogdet(self)
      return dtype.isComplex ? sign.log() + logarithm : logarithm.maskedFill(sign.detach() .== -1, .real(.nan))
    }
  }
}

extension OperatorRegistry {
  mutating func addDeterminants() {
    add("aten::linalg_det(Tensor A) -> Tensor") { (a: Tensor) in Linalg.det(a) }
    add("aten::det(Tensor self) -> Tensor") { (a: Tensor) in Linalg.det(a) }
    for (name, argument) in [("linalg_slogdet", "A"), ("slogdet", "self")] {
      add("aten::\(name)(Tensor \(argument)) -> (Tensor sign, Tensor logabsdet)") { (a: Tensor) in
        let (sign, logarithm) = Linalg.slogdet(a)
        return (sign, logarithm)
      }
    }
    add("aten::logdet(Tensor self) -> Tensor") { (a: Tensor) in a.logdet() }
  }
}
