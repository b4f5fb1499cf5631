import EmberRuntime
import EmberTensor

/// Identities that decompositions must satisfy: their factors are unique only up to signs and phases.
enum Rebuild {
  /// Why the results do not make up the first argument again, or nil.
  static func difference(_ rule: String, results: [OperatorValue], arguments: [(name: String, value: OperatorValue)]) throws -> String? {
    guard case .tensor(let argument)? = arguments.first?.value else { throw CaseFailure("\(rule): the first argument is no tensor") }
    let factors = results.compactMap { if case .tensor(let x) = $0 { x.detach() } else { nil } }
    guard factors.count == results.count else { return "\(rule): a result is no tensor" }
    let upper = arguments.contains { argument in
      if case .string(let text) = argument.value { argument.name == "UPLO" && text.uppercased() == "U" } else { false }
    }
    return try catchingErrors {
      try noGrad { try Identity(rule, matrix: argument.detach(), factors, upper: upper).difference() }
    }
  }
}

/// One identity, computed in double precision.
private struct Identity {
  let rule: String
  let matrix: Tensor
  let factors: [Tensor]
  let upper: Bool
  let tolerance: Double

  init(_ rule: String, matrix: Tensor, _ factors: [Tensor], upper: Bool) {
    self.rule = rule
    self.upper = upper
    let largest = matrix.elementCount == 0 ? 0 : matrix.abs().amax().item()
    tolerance = (matrix.dtype.realType == .float64 ? 1e-8 : 2e-3) * max(1, largest)
    func wide(_ x: Tensor) -> Tensor { x.dtype.isInteger ? x : x.to(x.dtype.isComplex ? .complex128 : .float64) }
    self.matrix = wide(matrix)
    self.factors = factors.map(wide)
  }

  func difference() throws -> String? {
    switch rule {
    case "svd": return singularValues(vh: factors[2])
    case "svd_v": return singularValues(vh: adjoint(factors[2]))
    case "eigh":
      let values = factors[0]
      let vectors = factors[1]
      return largest(product(vectors * row(values), adjoint(vectors)), hermitian) ?? orthonormal(vectors)
    case "eig":
      let values = factors[0]
      let vectors = factors[1]
      let norms = (vectors * vectors.conj()).real.sum(-2)
      return largest(product(matrix.to(.complex128), vectors), vectors * row(values)) ?? largest(norms, Tensor.ones(like: norms))
    case "qr":
      let q = factors[0]
      let r = factors[1]
      return largest(product(q, r), matrix) ?? orthonormal(q) ?? largest(masked(r) { $0 .> $1 }, Tensor.zeros(like: r))
    case "geqrf": return reflectors()
    case "lu":
      return largest(product(factors[0].to(matrix.dtype), product(factors[1], factors[2])), matrix)
    default: throw CaseFailure("the identity \(rule) is not known")
    }
  }

  private func adjoint(_ x: Tensor) -> Tensor { x.mT.conj() }
  private func row(_ x: Tensor) -> Tensor { x.unsqueeze(-2) }

  private func product(_ a: Tensor, _ b: Tensor) -> Tensor {
    let isComplex = a.dtype.isComplex || b.dtype.isComplex
    return a.to(isComplex ? .complex128 : a.dtype).matmul(b.to(isComplex ? .complex128 : b.dtype))
  }

  /// Where `keeps(row, column)` holds, else zeros.
  private func masked(_ x: Tensor, _ keeps: (Tensor, Tensor) -> Tensor) -> Tensor {
    let mask = keeps(Tensor.arange(x.size(-2)).unsqueeze(1), Tensor.arange(x.size(-1)).unsqueeze(0))
    return x.maskedFill(!mask, 0)
  }

  /// The Hermitian matrix that the triangle means.
  private var hermitian: Tensor {
    let strict = upper ? masked(matrix) { $0 .< $1 } : masked(matrix) { $0 .> $1 }
    let diagonal = masked(matrix.real.to(matrix.dtype)) { $0 .== $1 }
    return strict + adjoint(strict) + diagonal
  }

  private func largest(_ a: Tensor, _ b: Tensor) -> String? {
    guard a.shape == b.shape else { return "\(rule): \(a.shape) is not \(b.shape)" }
    if a.elementCount == 0 { return nil }
    let distance = (a - b).abs().amax().item()
    return distance <= tolerance ? nil : "\(rule): the factors miss the identity by \(distance), more than \(tolerance)"
  }

  private func orthonormal(_ columns: Tensor) -> String? {
    let gram = product(adjoint(columns), columns)
    return largest(gram, Tensor.eye(gram.size(-1), dtype: gram.dtype).expand(Array(gram.shape)))
  }

  private func singularValues(vh: Tensor) -> String? {
    let u = factors[0]
    let s = factors[1]
    let k = s.size(-1)
    let rebuilt = product(u.narrow(-1, start: 0, length: k) * row(s), vh.narrow(-2, start: 0, length: k))
    return largest(rebuilt, matrix) ?? orthonormal(u) ?? orthonormal(adjoint(vh))
  }

  private func reflectors() -> String? {
    let packed = factors[0]
    let tau = factors[1]
    var result = masked(packed) { $0 .<= $1 }
    for i in stride(from: tau.size(-1) - 1, through: 0, by: -1) {
      let column = packed.narrow(-1, start: i, length: 1)
      let position = Tensor.arange(packed.size(-2)).unsqueeze(1)
      let v = column.maskedFill(position .< Scalar.integer(Int64(i)), 0).maskedFill(position .== Scalar.integer(Int64(i)), 1)
      result = result - tau.narrow(-1, start: i, length: 1).unsqueeze(-1) * v * product(adjoint(v), result)
    }
    return largest(result, matrix)
  }
}
